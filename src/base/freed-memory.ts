/** What becomes of memory that is given back. */
import { processSymbols } from './process-symbols.ts';

/** Parameters of mallopt(3), from malloc.h. */
const trimThreshold = -1;
const mmapThreshold = -3;
const arenaMax = -8;

/** Blocks of this size and more are mapped by themselves, so that freeing one returns it to the system. */
const mappedBlockBytes = 256 * 1024;
const keptFreeBytes = 512 * 1024;
/** Threads share these: allocation is no matter of every microsecond here, blobs live in buffers that are kept. */
const arenas = 3;

/** From sys/mman.h. */
const dontNeed = 4;

let isDone = false;

/**
 * Makes the C library's allocator return freed memory to the system. By default glibc keeps an arena for every thread and, once a large
 * block was freed, takes blocks of that size from the arenas, where they stay. With five threads and buffers of megabytes that is
 * some 50 MB that nobody uses (measured on a first backup: 326 MB without, 250 MB with these settings and V8's --optimize-for-size).
 *
 * For a program, at its start; a library leaves its host's allocator alone. Does nothing where there is no mallopt: musl returns such
 * memory anyway.
 */
export function returnFreedMemory(): void {
  if (isDone) return;
  isDone = true;
  try {
    const mallopt = processSymbols()?.func('mallopt', 'int', ['int', 'int']) as ((parameter: number, value: number) => number) | undefined;
    mallopt?.(mmapThreshold, mappedBlockBytes);
    mallopt?.(trimThreshold, keptFreeBytes);
    mallopt?.(arenaMax, arenas);
  } catch {
    // Only memory is at stake.
  }
}

/** Returns memory of whole pages, which reads as zeros from then on, to the system at once. Without native calls it stays where it is. */
export function discardPages(memory: Uint8Array): void {
  try {
    processSymbols()?.func('madvise', 'int', ['void *', 'size_t', 'int'])(memory, memory.length, dontNeed);
  } catch {
    // Only memory is at stake.
  }
}
