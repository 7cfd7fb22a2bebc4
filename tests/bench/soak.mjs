// soak.mjs - what ./dev soak [MINUTES] runs: an everyday load, the samples as soak.tsv, the plot as
// soak.svg, and the verdict. VOXPOP_SOAK: the folder that they are written to (build/soak).
// SPDX-License-Identifier: MIT
import { createWriteStream, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { ours, Soak } from '../support/soak.mjs';
import { root } from '../support/wait.mjs';
import { machine, round1, row } from './measure.mjs';
import { plot } from './plot.mjs';

const minutes = Number(process.argv[2] ?? 60);
const folder = process.env.VOXPOP_SOAK || join(root, 'build/soak');
const sampleMs = 5000;
const stageMs = 60000;

function draw(soak) {
  const points = (field, by = 1) => soak.samples.map((each) => [each.s, each[field] / by]);
  const ofEach = (what, by) => ours.map((name) => ({ name, points: points(`${name}_${what}`, by) }));
  return plot({
    title: `./dev soak ${minutes}`,
    note: `${soak.told().split(';')[0]}, on ${machine()}. Growth is measured in the shaded half.`,
    seconds: soak.samples.at(-1).s,
    panels: [
      { title: 'resident memory, MiB', lines: ofEach('rss_kib', 1024) },
      { title: 'open descriptors', lines: ofEach('fds') },
      { title: 'requests answered each second', lines: [{ name: 'requests', points: points('rate') }] },
      { title: 'time to the answer, ms', lines: [{ name: 'half within', points: points('p50_ms') }, { name: '99 % within', points: points('p99_ms') }] },
      { title: 'Redis, MiB: it keeps what is written', lines: [{ name: 'used', points: points('redis_used_kib', 1024) }, { name: 'resident', points: points('redis_rss_kib', 1024) }] },
    ],
  });
}

function judge(soak) {
  row(['process', 'what', 'mean of the second half', 'growth in it', 'growth an hour', 'at most', '']);
  row(['---', '---', '---', '---', '---', '---', '---']);
  let flat = true;
  for (const { name, what, mean, grown, perHour, bound } of soak.grown()) {
    flat &&= grown <= bound;
    row([name, what, round1(mean), round1(grown), round1(perHour), round1(bound), grown <= bound ? 'flat' : 'GROWS']);
  }
  const threads = (sample) => ours.map((name) => sample[`${name}_threads`]).join(' ');
  console.log(`\nthreads of ${ours.join(' ')}: ${threads(soak.samples[0])} at first, ${threads(soak.samples.at(-1))} at the end`);
  return flat;
}

async function main() {
  const soak = new Soak();
  mkdirSync(folder, { recursive: true });
  const tsv = createWriteStream(join(folder, 'soak.tsv'));
  const onSample = (sample) => {
    if (soak.samples.length === 1) tsv.write(`${Object.keys(sample).join('\t')}\n`);
    tsv.write(`${Object.values(sample).join('\t')}\n`);
    if (soak.samples.length % 12 === 0) console.error(`${Math.round(sample.s / 60)} min: ${sample.rate}/s, p99 ${sample.p99_ms} ms, ${sample.failures} failures`);
  };
  try {
    await soak.start({ warm: true });
    await soak.run({ seconds: minutes * 60, sampleMs, stageMs, onSample });
    writeFileSync(join(folder, 'soak.svg'), draw(soak));
    console.log(`${machine()}\n${soak.told()}\n`);
    const flat = judge(soak);
    soak.assertNothingFailed();
    await soak.assertIdle();
    console.log('when it was over each process had the descriptors that it had before');
    process.exitCode = flat ? 0 : 1;
  } finally {
    tsv.end();
    await soak.stop();
  }
  console.log(`${process.exitCode ? 'MISS' : 'ok  '} flat, no failures, what was acknowledged is there; ${folder}/soak.tsv and soak.svg`);
}

await main();
