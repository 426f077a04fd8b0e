/** Parts of files: every restore reads packs in parts. */
import { asHoldfastError } from '../../base/errors.ts';
import type { StoredFile } from '../../storage/backend.ts';
import { type Finding, wrong } from './preflight-line.ts';
import type { PreflightRun } from './preflight.ts';

/** @param bytes the whole file */
export async function readRanges(run: PreflightRun, file: StoredFile, bytes: Buffer): Promise<Finding> {
  const middle = bytes.length >> 1;
  const { signal } = run;
  for (const [offset, length] of [
    [1, middle],
    [middle, bytes.length - middle],
    [bytes.length - 1, 1],
  ] as const) {
    const part = await run.backend.load(file, { offset, length, signal });
    if (!part.equals(bytes.subarray(offset, offset + length))) {
      return wrong(`bytes ${offset} to ${offset + length - 1} of a file are not what they are in the whole of it`);
    }
  }
  const beyond = await run.backend.load(file, { offset: bytes.length, length: 1, signal }).then(() => undefined, asHoldfastError);
  if (beyond?.code !== 'damaged') return wrong('bytes beyond the end of a file are not refused');
  return { fact: 'parts of files can be read' };
}
