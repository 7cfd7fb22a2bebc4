// plot.mjs - lines over time as an SVG that can be read on light and dark ground.
// SPDX-License-Identifier: MIT

const WIDTH = 960;
const LEFT = 64;
const RIGHT = 150; // the names of the lines stand there
const HEIGHT = 130; // of a panel
const GAP = 46;
const TOP = 56;
const POINTS = 240; // of a line; more are averaged
const COLOURS = 9;

const style = `
  svg { color-scheme: light dark; background: #fff; font: 12px system-ui, sans-serif; }
  text { fill: #222; } .faint { fill: #666; } .grid { stroke: #ddd; } .shade { fill: #0001; }
  path { fill: none; stroke-width: 1.5; stroke-linejoin: round; }
  .c0 { stroke: #1f5fbf; } .c1 { stroke: #6aa3f0; } .c2 { stroke: #a8431b; } .c3 { stroke: #e08a5a; } .c4 { stroke: #23732f; }
  .c5 { stroke: #8a2f8f; } .c6 { stroke: #7a6a10; } .c7 { stroke: #c0a520; } .c8 { stroke: #444; }
  @media (prefers-color-scheme: dark) {
    svg { background: #14161a; } text { fill: #e6e6e6; } .faint { fill: #a0a0a0; } .grid { stroke: #333a42; } .shade { fill: #fff1; }
    .c0 { stroke: #7fb0ff; } .c1 { stroke: #4a7dd0; } .c2 { stroke: #ff9a6b; } .c3 { stroke: #c0653a; } .c4 { stroke: #6fd07f; }
    .c5 { stroke: #dd8fe2; } .c6 { stroke: #e0cf5a; } .c7 { stroke: #a8942a; } .c8 { stroke: #c8c8c8; }
  }`;

const escape = (text) => String(text).replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
const short = (x) => (x >= 100 || Number.isInteger(x) ? Math.round(x).toLocaleString('en') : x.toFixed(1));

// The least of 1, 2, 2.5 or 5 times a power of ten that is not below x.
function nice(x) {
  const power = 10 ** Math.floor(Math.log10(x || 1));
  return [1, 2, 2.5, 5, 10].map((step) => step * power).find((step) => step >= x - 1e-9);
}

function thin(points) {
  const each = Math.ceil(points.length / POINTS);
  const mean = (group, at) => group.reduce((sum, point) => sum + point[at], 0) / group.length;
  return Array.from({ length: Math.ceil(points.length / each) }, (_, i) => {
    const group = points.slice(i * each, (i + 1) * each);
    return [mean(group, 0), mean(group, 1)];
  });
}

// Names at the ends of the lines, none on top of another.
function places(ends) {
  const sorted = ends.map((y, i) => ({ y, i })).sort((a, b) => a.y - b.y);
  for (let k = 1; k < sorted.length; k++) sorted[k].y = Math.max(sorted[k].y, sorted[k - 1].y + 13);
  const over = sorted.length ? sorted.at(-1).y - HEIGHT : 0;
  for (let k = sorted.length - 1; over > 0 && k >= 0; k--) sorted[k].y = Math.min(sorted[k].y, HEIGHT - 13 * (sorted.length - 1 - k));
  return sorted.sort((a, b) => a.i - b.i).map(({ y }) => y);
}

function panel({ title, lines }, top, seconds) {
  const most = nice(Math.max(...lines.flatMap((line) => line.points.map(([, y]) => y)), 1e-9));
  const x = (s) => LEFT + s / seconds * (WIDTH - LEFT - RIGHT);
  const y = (value) => HEIGHT * (1 - value / most);
  const out = [`<g transform="translate(0 ${top})">`, `<text x="${LEFT}" y="-8">${escape(title)}</text>`,
    `<rect class="shade" x="${x(seconds / 2).toFixed(1)}" y="0" width="${(x(seconds) - x(seconds / 2)).toFixed(1)}" height="${HEIGHT}"/>`];
  for (const part of [0, 0.5, 1]) {
    out.push(`<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(part * most)}" y2="${y(part * most)}"/>`,
      `<text class="faint" text-anchor="end" x="${LEFT - 6}" y="${y(part * most) + 4}">${short(part * most)}</text>`);
  }
  const names = places(lines.map((line) => y(line.points.at(-1)[1])));
  lines.forEach(({ name, points }, i) => {
    const path = thin(points).map(([s, value]) => `${x(s).toFixed(1)} ${y(value).toFixed(1)}`).join('L');
    out.push(`<path class="c${i % COLOURS}" d="M${path}"/>`,
      `<path class="c${i % COLOURS}" d="M${WIDTH - RIGHT + 6} ${names[i].toFixed(1)}h12"/>`,
      `<text x="${WIDTH - RIGHT + 22}" y="${(names[i] + 4).toFixed(1)}">${escape(name)}</text>`);
  });
  out.push('</g>');
  return out.join('\n');
}

// panels: [{title, lines: [{name, points: [[s, y], …]}]}]. The second half of the time is shaded.
export function plot({ title, note, seconds, panels }) {
  const height = TOP + panels.length * (HEIGHT + GAP);
  const below = TOP + panels.length * (HEIGHT + GAP) - GAP + 20;
  const minutes = seconds / 60;
  const step = nice(minutes / 6);
  const ticks = [];
  for (let at = 0; at <= minutes + 1e-9; at += step) {
    ticks.push(`<text class="faint" text-anchor="middle" x="${(LEFT + at / minutes * (WIDTH - LEFT - RIGHT)).toFixed(1)}" y="${below}">${short(at)} min</text>`);
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escape(title)}">
<style>${style}</style>
<text x="${LEFT}" y="18" font-weight="bold">${escape(title)}</text>
<text class="faint" x="${LEFT}" y="34">${escape(note)}</text>
${panels.map((each, i) => panel(each, TOP + i * (HEIGHT + GAP), seconds)).join('\n')}
${ticks.join('\n')}
</svg>
`;
}
