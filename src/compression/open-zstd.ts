import { processSymbols } from '../base/process-symbols.ts';
import { openLibzstd } from './libzstd.ts';
import { nodeZstd } from './node-zstd.ts';
import type { Zstd } from './zstd.ts';

/** The fastest way that this process has. */
export function openZstd(): Zstd {
  const symbols = processSymbols();
  return (symbols && openLibzstd(symbols)) ?? nodeZstd;
}
