/** Changes files in a folder as fast as it can until somebody ends it: `node restless-source.ts FOLDER`. */
import {
  appendFileSync,
  closeSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';

const [folder = ''] = process.argv.slice(2);
const at = (name: string): string => join(folder, name);
const piece = Buffer.alloc(64 * 1024, 'grows ');
const sparseBytes = 150 * 1024 * 1024;

/** Large, so that a backup is in the middle of them when they change. */
for (const name of ['grows', 'shrinks', 'changes']) {
  const fd = openSync(at(name), 'w');
  ftruncateSync(fd, sparseBytes);
  closeSync(fd);
}

process.send?.('ready');
for (let step = 0; ; step++) {
  appendFileSync(at('grows'), piece);
  truncateSync(at('shrinks'), sparseBytes - (step % 150) * 1024 * 1024);
  const fd = openSync(at('changes'), 'r+');
  writeSync(fd, piece, 0, piece.length, (step * 7_919_000) % sparseBytes);
  closeSync(fd);
  appearAndVanish(step);
  changeType(step);
}

function appearAndVanish(step: number): void {
  for (let i = 0; i < 20; i++) {
    writeFileSync(at(`comes and goes ${(step + i) % 100}`), `here for a while ${i}`);
    rmSync(at(`comes and goes ${(step + i + 50) % 100}`), { force: true });
  }
  renameSync(at('comes and goes ' + (step % 100)), at('renamed'));
}

/** A file, a folder, a link, in turn: whoever opens by name after looking meets something else. */
function changeType(step: number): void {
  for (let i = 0; i < 20; i++) {
    const path = at(`of changing type ${i}`);
    rmSync(path, { recursive: true, force: true });
    if ((step + i) % 3 === 0) writeFileSync(path, 'a file for now');
    else if ((step + i) % 3 === 1) symlinkSync('grows', path);
    else mkdirSync(path);
  }
}
