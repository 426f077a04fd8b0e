/** Opens many small files of a repository in a row: what `UnpackedFiles` does one by one. */
import { readFileSync } from 'node:fs';
import { decompressUnknown } from '../../compression/decompress.ts';
import type { Sealer } from '../../crypto/sealer.ts';
import { sealOverhead } from '../../crypto/sealer.ts';
import { sha256Hex } from '../../crypto/sha256.ts';
import { classifyUnpacked } from '../../format/unpacked.ts';

export interface SmallFilesRequest {
  readonly paths: readonly string[];
  /** Of each path, in the same order. */
  readonly ids: readonly string[];
}

export interface SmallFilesResponse {
  /** What the files hold, one behind the other. */
  readonly contents: Uint8Array;
  /** Of each file, in bytes; 0 for one that could not be opened: whoever wants it opens it again, and learns why. */
  readonly lengths: Uint32Array;
}

/** No small file is larger, stored or open: what is, is left to others. */
const mostBytes = 1024 * 1024;

export function openSmallFiles({ paths, ids }: SmallFilesRequest, sealer: Sealer, hasCompression: boolean): SmallFilesResponse {
  const opened = paths.map((path, index) => openOne(path, ids[index] ?? '', sealer, hasCompression));
  return { contents: Buffer.concat(opened), lengths: Uint32Array.from(opened, ({ length }) => length) };
}

const nothing = Buffer.alloc(0);

function openOne(path: string, id: string, sealer: Sealer, hasCompression: boolean): Buffer {
  try {
    const stored = readFileSync(path);
    if (stored.length > mostBytes || sha256Hex(stored) !== id) return nothing;
    const plain = Buffer.allocUnsafe(stored.length - sealOverhead);
    sealer.unseal(stored, plain);
    return hasCompression && classifyUnpacked(plain) !== 'plain' ? decompressUnknown(plain.subarray(1), mostBytes) : plain;
  } catch {
    return nothing;
  }
}
