/** Names and extended attributes in shared memory: written once, read by every thread. */
import { HoldfastError } from '../../../base/errors.ts';
import { commit } from './shared-rows.ts';

export interface ByteHeapMemory {
  readonly buffer: SharedArrayBuffer;
  /** Int32: blocks that threads have taken. */
  readonly header: SharedArrayBuffer;
}

/** A thread takes blocks of this size and fills them alone. A kernel takes 64 KiB of one attribute at most. */
const blockBytes = 1 << 16;
const segmentBytes = 1 << 20;
const blocksPerSegment = segmentBytes / blockBytes;
/** Places are 32-bit numbers. */
const maxBytes = 2 ** 32 - segmentBytes;

export function createByteHeap(): ByteHeapMemory {
  return { buffer: new SharedArrayBuffer(0, { maxByteLength: maxBytes }), header: new SharedArrayBuffer(4) };
}

export class ByteHeap {
  readonly #buffer: SharedArrayBuffer;
  readonly #blocks: Int32Array;
  readonly #segments: Uint8Array[] = [];
  #next = 0;
  #end = 0;

  constructor(memory: ByteHeapMemory) {
    this.#buffer = memory.buffer;
    this.#blocks = new Int32Array(memory.header);
  }

  get committedBytes(): number {
    return this.#buffer.byteLength;
  }

  /** Keeps the bytes. @returns their place, never 0. @throws HoldfastError `unsupported` for more than 1 MiB at once */
  add(bytes: Uint8Array): number {
    if (this.#next + bytes.length > this.#end) this.#takeBlocks(bytes.length);
    const place = this.#next;
    this.#segmentOf(place).set(bytes, place % segmentBytes);
    this.#next += bytes.length;
    return place;
  }

  /** The bytes at a place and whatever follows them in the segment; a view that stays right. */
  viewAt(place: number): Uint8Array {
    return this.#segmentOf(place).subarray(place % segmentBytes);
  }

  #takeBlocks(bytes: number): void {
    const count = Math.ceil((bytes + 1) / blockBytes);
    if (count > blocksPerSegment) throw new HoldfastError('unsupported', 'the extended attributes of one entry are larger than 1 MiB');
    let first = Atomics.add(this.#blocks, 0, count);
    if ((first % blocksPerSegment) + count > blocksPerSegment) {
      // It would cross the end of a segment: what was taken is left unused, and enough taken to begin with one.
      const next = Atomics.add(this.#blocks, 0, count + blocksPerSegment - 1);
      first = Math.ceil(next / blocksPerSegment) * blocksPerSegment;
    }
    commit(this.#buffer, Math.ceil(((first + count) * blockBytes) / segmentBytes) * segmentBytes);
    // Place 0 stands for "nothing".
    this.#next = first * blockBytes + (first === 0 ? 1 : 0);
    this.#end = (first + count) * blockBytes;
  }

  #segmentOf(place: number): Uint8Array {
    const segment = Math.floor(place / segmentBytes);
    return this.#segments[segment] ?? (this.#segments[segment] = new Uint8Array(this.#buffer, segment * segmentBytes, segmentBytes));
  }
}
