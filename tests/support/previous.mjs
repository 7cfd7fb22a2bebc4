// previous.mjs - the programs of an earlier commit, built once into build/previous-HASH beside those
// of this one. It needs the history of the repository. SPDX-License-Identifier: MIT
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { buildFolder, root } from './wait.mjs';

const programs = ['gateway', 'live', 'articles', 'comments', 'polls'].map((name) => `voxpop-${name}`);

// Why it cannot be built here; false when it can.
export function previousMissing(hash) {
  const git = spawnSync('git', ['-C', root, 'cat-file', '-e', `${hash}^{commit}`]);
  if (git.error) return 'git is not installed';
  if (git.status !== 0) return `the repository's history is not here: no commit ${hash.slice(0, 8)}`;
  for (const tool of ['meson', 'ninja', 'flock']) {
    if (spawnSync(tool, ['--version']).error) return `${tool} is not installed`;
  }
  return false;
}

// The folder with its programs. A name of its own says that it is whole; others who want the same wait.
export function buildPrevious(hash) {
  const folder = join(buildFolder, `previous-${hash}`);
  const script = `set -e
    mkdir -p "$FOLDER"
    exec 9>"$FOLDER/lock"
    flock 9
    [ ! -e "$FOLDER/whole" ] || exit 0
    rm -rf "$FOLDER/source" "$FOLDER/build"
    mkdir "$FOLDER/source"
    git -C "$ROOT" archive "$HASH" | tar -x -C "$FOLDER/source"
    meson setup -Dwerror=false -Doptimization=1 -Ddebug=false "$FOLDER/build" "$FOLDER/source" 9>&-
    ninja -C "$FOLDER/build" $PROGRAMS 9>&-
    touch "$FOLDER/whole"`;
  const made = spawnSync('sh', ['-c', script], {
    encoding: 'utf8', maxBuffer: 64 * 1024 * 1024,
    env: { ...process.env, ROOT: root, FOLDER: folder, HASH: hash, PROGRAMS: programs.join(' ') },
  });
  if (made.status !== 0) throw new Error(`the build of ${hash} failed:\n${`${made.stdout}${made.stderr}`.slice(-3000)}`);
  const built = join(folder, 'build');
  for (const name of programs) if (!existsSync(join(built, name))) throw new Error(`${name} was not built`);
  return built;
}
