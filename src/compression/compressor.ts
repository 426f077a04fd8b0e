import { openZstd } from './open-zstd.ts';
import type { Zstd, ZstdEncoder, ZstdParameters } from './zstd.ts';

/** restic's `--compression`. */
export type CompressionMode = 'off' | 'auto' | 'fastest' | 'better' | 'max';

/**
 * `auto`: level 3 with smaller tables, which stay in the second-level cache: 16 % faster than level 3 for 1 % more bytes.
 * Sizes against restic 0.19.1 in the same mode, 398 MiB of programs and documents: auto 167 (restic 169), better 157 (166), max 154 MiB (158).
 * On the way from auto to better to max, the time grows threefold and then sixfold.
 */
const parametersOf: Readonly<Record<Exclude<CompressionMode, 'off'>, ZstdParameters>> = {
  fastest: { level: 1 },
  auto: { level: 3, strategy: 2, hashLog: 16, chainLog: 14, minMatch: 5 },
  better: { level: 7 },
  max: { level: 15 },
};

/** Level 1 is the cheapest that codes literals by frequency: base64 of random bytes shrinks by a quarter there, and not at all below. */
const probeParameters: ZstdParameters = { level: 1 };
/** For what a probe found incompressible: 4 times as fast as `auto` on gzip files, with the same result. */
const hopelessParameters: ZstdParameters = { level: -1 };

/** A probe costs about 40 us on data that does compress; from this size on that is under 6 % of the compression. */
const probeMinimum = 128 * 1024;
const sampleLength = 16 * 1024;
/** Data that shrinks by less than 3 % is not worth the time: gzip, xz, video shrink by under 0.1 %. */
const hopelessLength = Math.floor(sampleLength * 0.97);

/**
 * Compresses blobs with zstd, one frame per blob, with memory that is kept from call to call. One Compressor serves one thread.
 * Plaintext and target may be views over a SharedArrayBuffer or over WASM memory; they must not overlap.
 */
export class Compressor {
  readonly mode: CompressionMode;
  readonly #zstd: Zstd;
  readonly #encoders = new Map<ZstdParameters, ZstdEncoder>();
  readonly #sample = new Uint8Array(sampleLength);

  constructor(mode: CompressionMode, zstd: Zstd = openZstd()) {
    this.mode = mode;
    this.#zstd = zstd;
  }

  /**
   * Writes a frame to the front of `target` and returns its length; 0 says: store the plaintext as it is, for a frame would be no smaller
   * (or the mode is `off`). A target as long as the plaintext always suffices; after a 0 its content means nothing.
   */
  compress(plain: Uint8Array, target: Uint8Array): number {
    if (this.mode === 'off' || plain.length === 0) return 0;
    const isHopeless = this.mode === 'auto' && this.looksIncompressible(plain);
    const encoder = this.#encoder(isHopeless ? hopelessParameters : parametersOf[this.mode]);
    return encoder.encode(plain, target.subarray(0, plain.length - 1));
  }

  /**
   * True when three samples of the blob (middle, start, end) shrink by less than 3 % each; false for blobs too small to ask.
   * The first sample that shrinks ends the question, and the middle comes first, for headers often compress where content does not.
   */
  looksIncompressible(plain: Uint8Array): boolean {
    const last = plain.length - sampleLength;
    return plain.length >= probeMinimum && [last >> 1, 0, last].every((start) => this.#isHopelessSample(plain, start));
  }

  /** Gives the memory of zstd back (300 KB in `auto`, tens of megabytes in `max`). The Compressor may be used again. */
  close(): void {
    for (const encoder of this.#encoders.values()) encoder.close();
    this.#encoders.clear();
  }

  #isHopelessSample(plain: Uint8Array, start: number): boolean {
    const length = this.#encoder(probeParameters).encode(plain.subarray(start, start + sampleLength), this.#sample);
    return length === 0 || length > hopelessLength;
  }

  #encoder(parameters: ZstdParameters): ZstdEncoder {
    const known = this.#encoders.get(parameters);
    if (known) return known;
    const created = this.#zstd.createEncoder(parameters);
    this.#encoders.set(parameters, created);
    return created;
  }
}
