// parts.mjs - the parts of a page as tests name them. reader: one of support/browser.mjs, or
// {page} with a frame in it. SPDX-License-Identifier: MIT
import { waitFor } from '../support/wait.mjs';

export const flat = (text) => text.replace(/\s+/g, ' ').trim();
export const text = async (locator) => flat(await locator.textContent());
export const texts = async (locator) => (await locator.allTextContents()).map(flat);
export const sees = (locator, pattern, { what, ...rest } = {}) => waitFor(async () => pattern.test(await text(locator)),
  { what: what ?? `${locator} reads ${pattern}`, ...rest });
export const hasFocus = (locator) => locator.evaluate((each) => each === document.activeElement);

export const box = (reader) => reader.page.locator('.poll');
export const bar = (reader, option) => reader.page.locator('.results [data-option]').nth(option);
export const message = (reader) => box(reader).locator('.message');
export const fault = (reader) => box(reader).locator('.field-error').first(); // beside the options
export const total = (reader) => reader.page.locator('.results .total > :first-child');
export const option = (reader, label) => box(reader).getByLabel(label, { exact: true });
export const vote = (reader) => box(reader).getByRole('button', { name: 'Vote', exact: true });
