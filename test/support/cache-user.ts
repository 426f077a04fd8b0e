/**
 * Uses a cache together with others, and harms it: `node cache-user.ts STORAGE CACHE SEED MILLISECONDS`. Loads files of the storage through
 * the cache in a random order, removes, cuts and overwrites copies and now and then the whole folder, and fails when a byte is wrong.
 */
import { hash } from 'node:crypto';
import { readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { StoredFile } from '../../src/storage/backend.ts';
import { LocalBackend } from '../../src/storage/local/local-backend.ts';
import { CacheBackend } from '../../src/storage/wrappers/cache-backend.ts';
import { CacheFolder } from '../../src/storage/wrappers/cache-folder.ts';
import { randomNumbers } from './generated-tree.ts';

const [path = '', cachePath = '', seedText = '', forMs = ''] = process.argv.slice(2);

const randomNumber = randomNumbers(Number(seedText));
const random = (below: number): number => Math.floor(randomNumber() * below);

const backend = new CacheBackend(new LocalBackend({ path }), new CacheFolder({ path: cachePath, limitBytes: 600_000 }));
const files: StoredFile[] = [];
for (const kind of ['index', 'snapshot', 'pack'] as const) {
  for await (const { name } of backend.list(kind)) files.push({ kind, name });
}

const endMs = performance.now() + Number(forMs);
while (performance.now() < endMs) {
  if (random(10) === 0) harm();
  await Promise.all([random(files.length), random(files.length), random(files.length)].map((at) => loadAndProve(files[at])));
}
await backend.close();

async function loadAndProve(file: StoredFile | undefined): Promise<void> {
  if (file === undefined) throw new Error('there are no files');
  if (file.kind !== 'pack') {
    if (hash('sha256', await backend.load(file), 'hex') !== file.name) throw new Error(`wrong bytes in ${file.name}`);
    return;
  }
  const whole = await new LocalBackend({ path }).load(file);
  const offset = random(whole.length);
  const length = random(whole.length - offset);
  // What was overwritten after it was proved may come out wrong, once: every blob is proved by those who read it.
  const bytes = await backend.load(file, { holdsTrees: true, offset, length });
  if (bytes.equals(whole.subarray(offset, offset + length))) return;
  const again = await backend.load(file, { holdsTrees: true, isFresh: true, offset, length });
  if (!again.equals(whole.subarray(offset, offset + length))) throw new Error(`wrong bytes in ${file.name}, twice`);
}

function harm(): void {
  try {
    const copies = readdirSync(cachePath, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    const victim = copies[random(copies.length)];
    const what = random(20);
    if (victim === undefined) return;
    const victimPath = join(victim.parentPath, victim.name);
    if (what === 0) rmSync(cachePath, { recursive: true, force: true });
    else if (what < 7) rmSync(victimPath);
    else if (what < 14) truncateSync(victimPath, random(3_000));
    else writeFileSync(victimPath, 'garbage');
  } catch {
    // Another process was first.
  }
}
