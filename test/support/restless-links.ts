/**
 * Puts links in the place of files and folders, and those back, as fast as it can until somebody ends it:
 * `node restless-links.ts FOLDER SECRET_FOLDER`. The links lead to the secret folder and to the file `secret` in it.
 */
import { mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Few, so that each changes a thousand times a second. */
const pairs = 10;

const [folder = '', secretFolder = ''] = process.argv.slice(2);
const aside = `${folder}.aside`;
mkdirSync(aside);
for (let i = 0; i < pairs; i++) {
  writeFileSync(join(folder, `file ${i}`), 'harmless');
  symlinkSync(join(secretFolder, 'secret'), join(aside, `file ${i}`));
  mkdirSync(join(folder, `folder ${i}`));
  writeFileSync(join(folder, `folder ${i}`, 'secret'), 'harmless too');
  symlinkSync(secretFolder, join(aside, `folder ${i}`));
}
process.send?.('ready');
for (;;) {
  for (let i = 0; i < pairs; i++) {
    exchange(`file ${i}`);
    exchange(`folder ${i}`);
  }
}

function exchange(name: string): void {
  renameSync(join(folder, name), join(aside, `${name}.old`));
  renameSync(join(aside, name), join(folder, name));
  renameSync(join(aside, `${name}.old`), join(aside, name));
}
