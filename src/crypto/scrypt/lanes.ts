/** ROMix of scrypt over blocks that have nothing to do with one another, two at a time in WebAssembly (wasm/romix.ts). */
import { readFileSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { discardPages } from '../../base/freed-memory.ts';

/** Of the kernel's memory; see there. */
const firstStart = 0;
const secondStart = 16_384;
const rowsStart = 65_536;
const pageBytes = 65_536;

/** The largest `r` that its working blocks have room for. */
export const maxR = 128;

/** Short calls: V8 compiles a function well after it has been called for a while, and never one that runs. An even number. */
const rowsPerCall = 256;
/** Some 10 ms: so long the event loop waits at most. */
const callsPerTurn = 32;

interface Kernel {
  readonly memory: WebAssembly.Memory;
  readonly fill: (from: number, to: number, n: number, r: number) => void;
  readonly mix: (times: number, n: number, r: number) => void;
}

/**
 * Replaces the blocks, of 128 * r bytes each, by what they are mixed to. Works in the caller's thread, in short turns.
 * Takes 256 * N * r bytes of memory. `N` must be a power of two, `r` at most `maxR`.
 */
export async function mixLanes(blocks: Uint8Array, N: number, r: number): Promise<void> {
  const module = new WebAssembly.Module(readFileSync(new URL('./romix.wasm', import.meta.url)));
  const kernel = new WebAssembly.Instance(module).exports as unknown as Kernel;
  const blockBytes = 128 * r;
  kernel.memory.grow(Math.ceil((2 * N * blockBytes) / pageBytes));
  try {
    for (let at = 0; at < blocks.length; at += 2 * blockBytes) {
      const first = blocks.subarray(at, at + blockBytes);
      const second = blocks.subarray(at + blockBytes, at + 2 * blockBytes);
      await mixPair(kernel, first, second, N, r);
    }
  } finally {
    // Otherwise it stays until the garbage collector comes by, which nothing else here makes hurry.
    discardPages(new Uint8Array(kernel.memory.buffer));
  }
}

/** Of an odd number of blocks the last has no second: then what lies there is mixed along and left. */
async function mixPair({ memory, fill, mix }: Kernel, first: Uint8Array, second: Uint8Array, N: number, r: number): Promise<void> {
  const bytes = new Uint8Array(memory.buffer);
  toDiagonals(first, bytes, rowsStart);
  toDiagonals(second, bytes, rowsStart + N * 128 * r);
  await inTurns(N, (from, to) => fill(from, to, N, r));
  await inTurns(N, (from, to) => mix(to - from, N, r));
  fromDiagonals(bytes, firstStart, first);
  fromDiagonals(bytes, secondStart, second);
}

async function inTurns(end: number, work: (from: number, to: number) => void): Promise<void> {
  for (let from = 0, call = 1; from < end; from += rowsPerCall, call++) {
    work(from, Math.min(end, from + rowsPerCall));
    if (call % callsPerTurn === 0) await setImmediate();
  }
}

const wordBytes = 4;
const wordsPerPart = 16;

/** Word i of each 64 bytes in the kernel's order is word 5i (mod 16) of the standard's. */
function standardPlace(at: number): number {
  const word = Math.floor(at / wordBytes);
  const part = word - (word % wordsPerPart);
  return (part + ((word * 5) % wordsPerPart)) * wordBytes + (at % wordBytes);
}

function toDiagonals(block: Uint8Array, memory: Uint8Array, start: number): void {
  for (let at = 0; at < block.length; at++) memory[start + at] = block[standardPlace(at)] ?? 0;
}

function fromDiagonals(memory: Uint8Array, start: number, block: Uint8Array): void {
  for (let at = 0; at < block.length; at++) block[standardPlace(at)] = memory[start + at] ?? 0;
}
