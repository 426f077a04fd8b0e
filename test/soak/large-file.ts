/**
 * Saves and restores one very large file: 100 GiB, of which all but a part in each GiB is hole, so that it needs little room.
 *
 * Run: `script/soak test/soak/large-file.ts`; HOLDFAST_SOAK_GIB says how large (100 unless told).
 */
import assert from 'node:assert/strict';
import { closeSync, ftruncateSync, lstatSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { compareTrees } from '../support/compare-trees.ts';
import { type HoldfastRun, summaryOf } from '../support/holdfast.ts';
import { requirePeer } from '../support/peers.ts';
import { pseudoRandomBytes } from '../support/pseudo-random.ts';
import { SharedRepository } from '../support/shared-repository.ts';
import { soak } from '../support/soak.ts';

const gib = 2 ** 30;
/** Random bytes in each GiB, at places that are no multiple of anything. */
const dataPerGib = 3_000_000;

await soak(async (t) => {
  const sizeGib = Number(process.env['HOLDFAST_SOAK_GIB'] ?? 100);
  const peer = requirePeer({ skip: (line) => console.log(line) }, 'newest restic');
  if (peer === undefined) return;
  const shared = await SharedRepository.create(t, peer);
  const source = join(shared.folder, 'source');
  mkdirSync(source);
  buildFile(join(source, 'large'), sizeGib);
  const { total_bytes_processed } = summaryOf(await timed('backup', () => shared.holdfast(['backup', 'source'], { cwd: shared.folder })));
  assert.equal(total_bytes_processed, sizeGib * gib);
  await timed('restic check --read-data', () => shared.restic(['check', '--read-data']));
  const target = join(shared.folder, 'restored');
  await timed('restore --verify', () => shared.holdfast(['restore', 'latest:/source', '--target', target, '--verify']));
  console.log(`the copy takes ${((lstatSync(join(target, 'large')).blocks * 512) / 1e6).toFixed(0)} MB on the disk`);
  assert.deepEqual(compareTrees(source, target), []);
});

function buildFile(path: string, sizeGib: number): void {
  const fd = openSync(path, 'w');
  ftruncateSync(fd, sizeGib * gib);
  for (let part = 0; part < sizeGib; part++)
    writeSync(fd, pseudoRandomBytes(dataPerGib, part), 0, dataPerGib, part * gib + part * 7_654_321);
  closeSync(fd);
}

async function timed(name: string, work: () => Promise<HoldfastRun>): Promise<HoldfastRun> {
  const start = performance.now();
  const result = await work();
  console.log(`${name}: ${((performance.now() - start) / 1000).toFixed(1)} s`);
  return result;
}
