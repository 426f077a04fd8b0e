/**
 * Compares the memory and the time of planning a prune of a large repository with restic's: millions of blobs, of which snapshots
 * use a part. Fails when Holdfast takes more memory than restic, more than 100 bytes a blob, or finds other sums.
 *
 * Run: `node test/soak/prune-memory.ts [blobs in millions] [folder]`; the folder is made once and kept. Needs GNU time.
 * Data packs are holes of the right size: a plan reads none of them.
 */
import { createCipheriv } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BlobId, PackId } from '../../src/base/ids.ts';
import type { IndexedPack } from '../../src/format/index-file.ts';
import { packOverheadBytes } from '../../src/format/pack-header.ts';
import { measure } from '../bench/measure.ts';
import { localRepository, testPassword } from '../support/new-repository.ts';
import { newestRestic } from '../support/peers.ts';
import { directoryNode, fileNode, PlantedRepository, type SealedBlob, sha256 } from '../support/planted-repository.ts';

const blobsPerPack = 500;
const blobsPerFile = 100;
/** A tree, a pack of trees and an index file are made for so many blobs. */
const blobsPerStep = 50_000;
const blobsPerTree = 10_000;
/** The last of ten steps belongs to no snapshot. */
const unusedEvery = 10;
/** Besides what Node and three threads take before the first blob. */
const mostBytesPerBlob = 100;
const bytesWithoutBlobs = 200e6;

/** Ids that look as random as digests and can be made again. */
function idsOf(step: number): Buffer {
  const start = Buffer.alloc(16);
  start.writeUInt32BE(step, 0);
  return createCipheriv('aes-128-ctr', Buffer.alloc(16), start).update(Buffer.alloc(blobsPerStep * 32));
}

async function makeRepository(folder: string, steps: number): Promise<void> {
  await using repository = await localRepository(folder);
  const planted = new PlantedRepository(repository.backend, repository.masterKey);
  const trees: BlobId[] = [];
  for (let step = 0; step < steps; step++) {
    const ids = Array.from({ length: blobsPerStep }, (_, blob) => idAt(idsBuffer(step), blob));
    const treeBlobs: SealedBlob[] = [];
    for (let first = 0; first < blobsPerStep; first += blobsPerTree) {
      treeBlobs.push(planted.tree(filesOf(ids.slice(first, first + blobsPerTree))));
    }
    const packs = [await planted.pack(treeBlobs)];
    for (let first = 0; first < blobsPerStep; first += blobsPerPack) packs.push(holePack(folder, ids.slice(first, first + blobsPerPack)));
    await planted.index(packs);
    if (step % unusedEvery !== unusedEvery - 1) trees.push(...treeBlobs.map((blob) => blob.id));
  }
  const root = planted.tree(trees.map((tree, n) => directoryNode(`folder ${String(n).padStart(6, '0')}`, tree)));
  await planted.index([await planted.pack([root])]);
  await planted.snapshot(root.id);
}

let lastIds: { readonly step: number; readonly ids: Buffer } | undefined;

function idsBuffer(step: number): Buffer {
  if (lastIds?.step !== step) lastIds = { step, ids: idsOf(step) };
  return lastIds.ids;
}

function idAt(ids: Buffer, blob: number): BlobId {
  return ids.toString('hex', blob * 32, blob * 32 + 32) as BlobId;
}

function filesOf(ids: readonly BlobId[]): ReturnType<typeof fileNode>[] {
  const files = [];
  for (let first = 0; first < ids.length; first += blobsPerFile) {
    files.push(fileNode(`file ${String(first).padStart(6, '0')}`, ids.slice(first, first + blobsPerFile), blobsPerFile * 1000));
  }
  return files;
}

/** A pack of the right name and size without content. */
function holePack(folder: string, ids: readonly BlobId[]): IndexedPack {
  let offset = 0;
  const blobs = ids.map((id) => {
    const length = 100 + (Number.parseInt(id.slice(0, 4), 16) >> 1);
    const blob = { id, type: 'data', offset, length, uncompressedLength: length * 2 + 7 } as const;
    offset += length;
    return blob;
  });
  const id = sha256(Buffer.from(ids[0] ?? '')) as PackId;
  const path = join(folder, 'data', id.slice(0, 2), id);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, '');
  truncateSync(path, offset + packOverheadBytes(blobs));
  return { id, blobs };
}

function compare(folder: string, blobs: number): void {
  const restic = newestRestic();
  if (restic === undefined) throw new Error('the comparison needs the newest restic');
  const scratch = mkdtempSync(join(tmpdir(), 'holdfast-prune-memory-'));
  const env = { PATH: process.env['PATH'] ?? '', HOME: scratch, RESTIC_PASSWORD: testPassword };
  try {
    const holdfast = fileURLToPath(new URL('../../bin/holdfast', import.meta.url));
    const args = ['-r', folder, '--no-cache', 'prune', '--dry-run'];
    const [ours, theirs] = [measure(holdfast, args, env, scratch), measure(restic.path, args, env, scratch)];
    for (const [name, run] of [['holdfast', ours] as const, ['restic', theirs] as const]) {
      console.log(
        `${name}: ${run.wallSeconds.toFixed(1)} s, ${run.cpuSeconds.toFixed(1)} CPU-s, at most ${(run.peakBytes / 1e6).toFixed(0)} MB`,
      );
      console.log(run.stdout.trim().replaceAll(/^/gm, '  '));
    }
    const share = ours.peakBytes / theirs.peakBytes;
    console.log(`memory: ${share.toFixed(2)} of restic's`);
    if (share > 1) throw new Error('more memory than restic');
    if (ours.peakBytes > bytesWithoutBlobs + blobs * mostBytesPerBlob) throw new Error(`more than ${mostBytesPerBlob} bytes a blob`);
    if (sumsOf(ours.stdout) !== sumsOf(theirs.stdout)) throw new Error('the plans differ');
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function sumsOf(stdout: string): string {
  return stdout.slice(stdout.indexOf('to repack:')).trim();
}

const [millions = '5', folder = join(tmpdir(), 'holdfast-prune-memory-repository')] = process.argv.slice(2);
const steps = Math.ceil((Number(millions) * 1_000_000) / blobsPerStep);
if (!existsSync(join(folder, 'snapshots'))) await makeRepository(folder, steps);
compare(folder, steps * blobsPerStep);
