/** Sizes as people write them on a command line: bytes, or with a letter for powers of 1024. */
import { HoldfastError } from '../base/errors.ts';

const factors: Readonly<Record<string, number>> = { '': 1, b: 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 };

/** restic keeps sizes in 64 bits with a sign. */
const limitBytes = 2 ** 63;

/**
 * '2048', '2048B', '10K', '20m', '1G', '2t' in bytes.
 *
 * @param option names the option in the message
 * @throws HoldfastError `usage`
 */
export function parseSize(text: string, option: string): number {
  const [, digits, letter] = /^\+?(\d+)([bkmgt]?)$/i.exec(text) ?? [];
  const sizeBytes = Number(digits) * (factors[letter?.toLowerCase() ?? ''] ?? 1);
  if (digits !== undefined && sizeBytes < limitBytes) return sizeBytes;
  throw new HoldfastError('usage', `${option} is not a size: "${text}"`, {
    hint: 'Write a whole number of bytes, or put one of the letters K, M, G, T behind it for powers of 1024.',
    context: { option },
  });
}
