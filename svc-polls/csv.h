/* csv.h - tables for spreadsheets, as RFC 4180 has them: UTF-8, lines that end with CRLF. A cell
 * that a spreadsheet would take for a formula gets an apostrophe in front. Pure.
 * SPDX-License-Identifier: MIT */
#ifndef POLLS_CSV_H
#define POLLS_CSV_H

#include "buf.h"

void polls_csv_bom(vp_buf *out); /* so that spreadsheets take the file for UTF-8 */
/* last: the one that ends its line. */
void polls_csv_cell(vp_buf *out, vp_str text, bool last);
void polls_csv_number(vp_buf *out, int64_t n, bool last);

#endif
