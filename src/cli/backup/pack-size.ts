import { HoldfastError } from '../../base/errors.ts';

const mib = 2 ** 20;
/** restic's limits: smaller packs make too many files, larger ones cost memory and time when a part is needed. */
const smallestMib = 4;
const defaultMib = 16;
const largestMib = 128;

/** Bytes for the value of --pack-size. @throws HoldfastError `usage` */
export function packSizeBytes(sizeMib: number | undefined): number {
  if (sizeMib === undefined || sizeMib === 0) return defaultMib * mib;
  if (sizeMib >= smallestMib && sizeMib <= largestMib) return sizeMib * mib;
  throw new HoldfastError('usage', `--pack-size cannot be ${sizeMib}`, {
    hint: `Give a number of MiB from ${smallestMib} to ${largestMib}.`,
  });
}
