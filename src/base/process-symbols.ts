/**
 * The C functions that the running Node process exports (its own OpenSSL, zstd and libc), called without
 * any library of ours: a call costs 0.2-0.3 us where the public JavaScript API costs 4-40 us.
 *
 * `HOLDFAST_NATIVE=off` in the environment turns this route off; every user of it has a slower fallback
 * on the public API. This is the only place that reads the variable.
 */
import { createRequire } from 'node:module';
import type { LibraryHandle } from 'koffi';

/** An address in this process. koffi gives addresses as bigints and takes them back as `void *`. */
export type NativePointer = bigint;

let opened: LibraryHandle | undefined;
let isOpened = false;

/** The symbols of this process, or undefined where they are turned off or out of reach. Opened once per thread, on first use. */
export function processSymbols(): LibraryHandle | undefined {
  if (!isOpened) {
    opened = process.env['HOLDFAST_NATIVE'] === 'off' ? undefined : openSymbols();
    isOpened = true;
  }
  return opened;
}

function openSymbols(): LibraryHandle | undefined {
  try {
    const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi');
    return koffi.load(null);
  } catch {
    // No prebuilt koffi for this platform: the fallbacks do all of it, only slower.
    return undefined;
  }
}
