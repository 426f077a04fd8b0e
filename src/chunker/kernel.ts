import { readFileSync } from 'node:fs';

/** Where wasm/chunker.ts expects what lies in its memory. */
const tablesStart = 0;
const dataStart = 65_536;

/** The kernel compiled from wasm/chunker.ts, with a memory of its own. */
export interface Kernel {
  /** The data area: 16 MiB. Pages cost memory once they are written to. */
  readonly data: Uint8Array<ArrayBuffer>;
  /**
   * Index in `data` behind the first byte from `start` up to `end` (exclusive) that a cut follows, or 0 when there is none.
   * There must be 64 bytes before `start`.
   */
  scan(start: number, end: number): number;
}

let compiled: WebAssembly.Module | undefined;

export function createKernel(tables: Uint8Array): Kernel {
  // Compiled once per thread; the file is 2 KB, so that reading and compiling it takes less than a millisecond.
  compiled ??= new WebAssembly.Module(readFileSync(new URL('./kernel.wasm', import.meta.url)));
  const { memory, scan } = new WebAssembly.Instance(compiled).exports as unknown as KernelExports;
  new Uint8Array(memory.buffer, tablesStart).set(tables);
  return {
    data: new Uint8Array(memory.buffer, dataStart),
    scan: (start, end) => {
      const cut = scan(start + dataStart, end + dataStart);
      return cut === 0 ? 0 : cut - dataStart;
    },
  };
}

interface KernelExports {
  readonly memory: WebAssembly.Memory;
  readonly scan: (position: number, end: number) => number;
}
