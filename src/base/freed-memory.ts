/** What becomes of memory that is given back. */
import { processSymbols } from './process-symbols.ts';

/** `M_MMAP_THRESHOLD` of malloc.h. */
const mmapThreshold = -3;
/** Blobs of a usual size stay below, larger ones and whole index files are above. */
const thresholdBytes = 1 << 20;

let isDone = false;

/**
 * Makes glibc return large pieces of memory to the system as soon as they are freed. By itself it soon begins to keep pieces of up to
 * 32 MiB, in each thread, for the next time. Without effect where the C library has no such setting.
 */
export function returnFreedMemory(): void {
  if (isDone) return;
  isDone = true;
  try {
    const mallopt = processSymbols()?.func('mallopt', 'int', ['int', 'int']) as ((parameter: number, value: number) => number) | undefined;
    mallopt?.(mmapThreshold, thresholdBytes);
  } catch {
    // musl has no mallopt, and returns such memory anyway.
  }
}
