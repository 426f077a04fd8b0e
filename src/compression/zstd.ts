import { HoldfastError } from '../base/errors.ts';

/**
 * What an encoder is told, in libzstd's words and units (zstd.h, "advanced compression API"); what is left out follows from the level.
 * Frames always carry their content's size and never a checksum: the MAC around them and the blob's id already prove the content.
 */
export interface ZstdParameters {
  readonly level: number;
  readonly hashLog?: number;
  readonly chainLog?: number;
  readonly minMatch?: number;
  readonly strategy?: number;
}

export function parameterEntries(parameters: ZstdParameters): [keyof ZstdParameters, number][] {
  return Object.entries(parameters) as [keyof ZstdParameters, number][];
}

/** Compresses one blob at a time, with memory that is kept from call to call. */
export interface ZstdEncoder {
  /** Writes one frame to the front of `target` and returns its length, or 0 when the frame does not fit into `target`. */
  encode(plain: Uint8Array, target: Uint8Array): number;
  /** Gives the memory back (up to tens of megabytes at high levels); the encoder is of no use afterwards. */
  close(): void;
}

/** The two ways to zstd: the library inside the node process, and node:zlib. */
export interface Zstd {
  createEncoder(parameters: ZstdParameters): ZstdEncoder;
  /** All frames into the front of `target`; returns the length of the content. @throws HoldfastError `damaged` */
  decode(frames: Uint8Array, target: Uint8Array): number;
  /** All frames, of whatever length up to `maxBytes`. @throws HoldfastError `damaged`, also when the content is longer */
  decodeUnknown(frames: Uint8Array, maxBytes: number): Buffer;
}

export function damagedFrame(detail: string, cause?: unknown): HoldfastError {
  return new HoldfastError('damaged', `compressed data cannot be decompressed: ${detail}`, cause === undefined ? {} : { cause });
}
