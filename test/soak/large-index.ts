/**
 * Proves the size of the index: makes the index files of a repository of ten million blobs, opens them in a process of its own and
 * prints how long that took and how much memory. Fails when a blob takes more than 64 bytes or the process more than 1 GB.
 *
 * Run: `node test/soak/large-index.ts [blobs in millions] [folder]`; the folder gets 420 MB of index files and is kept.
 */
import { spawnSync } from 'node:child_process';
import { createCipheriv } from 'node:crypto';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BlobId } from '../../src/base/ids.ts';
import { Compressor } from '../../src/compression/compressor.ts';
import type { MasterKey } from '../../src/crypto/master-key.ts';
import { loadIndex } from '../../src/repository/index/load-index.ts';
import { LocalBackend } from '../../src/storage/local/local-backend.ts';
import { dataBlob } from '../../src/workers/index-table.ts';
import { PlantedRepository, sha256 } from '../support/planted-repository.ts';

const blobsPerIndex = 50_000;
const blobsPerPack = 500;
const maxBytesPerBlob = 64;
const maxProcessBytes = 1_000_000_000;
/** Fixed, so that a folder that was made once can be opened again. */
const key: MasterKey = { encrypt: Buffer.alloc(32, 1), macK: Buffer.alloc(16, 2), macR: Buffer.alloc(16, 3) };

/** Ids that look as random as digests and can be made again: the key stream of AES in counter mode. */
function idsOf(file: number): Buffer {
  const start = Buffer.alloc(16);
  start.writeUInt32BE(file, 0);
  return createCipheriv('aes-128-ctr', Buffer.alloc(16), start).update(Buffer.alloc(blobsPerIndex * 32));
}

function indexJson(file: number): Buffer {
  const ids = idsOf(file);
  const packs: string[] = [];
  for (let first = 0; first < blobsPerIndex; first += blobsPerPack) {
    const blobs: string[] = [];
    let offset = 0;
    for (let blob = first; blob < first + blobsPerPack; blob++) {
      const length = 100 + (ids.readUInt16LE(blob * 32) >> 1);
      const id = ids.toString('hex', blob * 32, blob * 32 + 32);
      blobs.push(`{"id":"${id}","type":"data","offset":${offset},"length":${length},"uncompressed_length":${length * 2 + 7}}`);
      offset += length;
    }
    packs.push(`{"id":"${sha256(ids.subarray(first * 32, first * 32 + 32))}","blobs":[${blobs.join(',')}]}`);
  }
  return Buffer.from(`{"packs":[${packs.join(',')}]}\n`, 'latin1');
}

async function makeRepository(folder: string, fileCount: number): Promise<void> {
  const backend = new LocalBackend({ path: folder });
  await backend.create();
  const planted = new PlantedRepository(backend, key);
  const compressor = new Compressor('auto');
  for (let file = 0; file < fileCount; file++) {
    const json = indexJson(file);
    const encoded = Buffer.alloc(json.length);
    encoded[0] = 2;
    const length = compressor.compress(json, encoded.subarray(1));
    await planted.unpacked('index', encoded.subarray(0, length + 1));
  }
  await backend.close();
}

async function measure(folder: string, fileCount: number): Promise<void> {
  await using backend = new LocalBackend({ path: folder });
  const startMs = performance.now();
  const index = await loadIndex(backend, key);
  const seconds = (performance.now() - startMs) / 1000;
  const { maxRSS, userCPUTime, systemCPUTime } = process.resourceUsage();
  const findMs = findSome(index, fileCount);
  const bytesPerBlob = index.committedBytes / index.entryCount;
  console.log(
    [
      `${index.entryCount} blobs in ${index.packCount} packs`,
      `opened in ${seconds.toFixed(2)} s, ${((userCPUTime + systemCPUTime) / 1e6).toFixed(1)} CPU-s`,
      `table ${(index.committedBytes / 1e6).toFixed(0)} MB, ${bytesPerBlob.toFixed(1)} bytes a blob`,
      `process at most ${(maxRSS / 1024).toFixed(0)} MiB`,
      `a look-up takes ${(findMs * 1000).toFixed(2)} us`,
    ].join('\n'),
  );
  if (index.entryCount !== fileCount * blobsPerIndex) throw new Error('blobs are missing');
  if (bytesPerBlob > maxBytesPerBlob) throw new Error(`a blob takes more than ${maxBytesPerBlob} bytes`);
  if (maxRSS * 1024 > maxProcessBytes) throw new Error('the process took more than 1 GB');
}

/** @returns milliseconds for one look-up, missed ones included */
function findSome(index: Awaited<ReturnType<typeof loadIndex>>, fileCount: number): number {
  const ids = idsOf(fileCount - 1);
  const startMs = performance.now();
  for (let blob = 0; blob < blobsPerIndex; blob++) {
    const id = ids.subarray(blob * 32, blob * 32 + 32);
    const entry = index.find(id, dataBlob);
    if (entry < 0 || index.idHex(entry) !== (id.toString('hex') as BlobId)) throw new Error(`blob ${blob} was not found`);
  }
  return (performance.now() - startMs) / blobsPerIndex;
}

const [millions = '10', folder = join(tmpdir(), 'holdfast-large-index'), mode] = process.argv.slice(2);
const fileCount = Math.ceil((Number(millions) * 1_000_000) / blobsPerIndex);
if (mode === 'measure') await measure(folder, fileCount);
else {
  if (!existsSync(join(folder, 'index'))) await makeRepository(folder, fileCount);
  const child = spawnSync(process.execPath, [fileURLToPath(import.meta.url), millions, folder, 'measure'], { stdio: 'inherit' });
  process.exitCode = child.status ?? 1;
}
