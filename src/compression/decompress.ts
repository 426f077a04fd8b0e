import { openZstd } from './open-zstd.ts';
import { damagedFrame, type Zstd } from './zstd.ts';

let opened: Zstd | undefined;

/**
 * Decompresses one or several concatenated frames that must fill `target` exactly: the length of a blob is known from the index.
 * Both may be views over a SharedArrayBuffer or over WASM memory; they must not overlap.
 * @returns the length of `target`
 * @throws HoldfastError `damaged` for content that is longer or shorter, broken frames, and bytes after the last frame
 */
export function decompress(frames: Uint8Array, target: Uint8Array, zstd: Zstd = threadsZstd()): number {
  const length = zstd.decode(frames, target);
  if (length !== target.length) throw damagedFrame(`the content has ${length} bytes instead of ${target.length}`);
  return length;
}

/**
 * Decompresses one or several concatenated frames of unknown content length: files of the repository outside packs.
 * @param maxBytes more than this is taken for an attack on the memory
 * @throws HoldfastError `damaged` for content that is longer than that, broken frames, and bytes after the last frame
 */
export function decompressUnknown(frames: Uint8Array, maxBytes: number, zstd: Zstd = threadsZstd()): Buffer {
  return zstd.decodeUnknown(frames, maxBytes);
}

function threadsZstd(): Zstd {
  opened ??= openZstd();
  return opened;
}
