/** Names and paths as the kernel takes them: bytes, the last of them NUL. */
import { HoldfastError } from '../base/errors.ts';

/**
 * A copy of a name or path that ends in NUL, as every call of libc.ts wants it. Text is taken as UTF-8.
 *
 * @throws HoldfastError `usage` when there is a NUL inside: the kernel would silently see another, shorter name
 */
export function cName(name: string | Uint8Array): Buffer {
  const terminated = typeof name === 'string' ? Buffer.from(`${name}\0`) : terminate(name);
  if (terminated.indexOf(0) !== terminated.length - 1) {
    const printable = terminated.toString('utf8').replaceAll('\0', '\\0');
    throw new HoldfastError('usage', `a file name has a NUL byte inside: ${printable.slice(0, -2)}`);
  }
  return terminated;
}

/** Names the object of a descriptor itself, together with AT_EMPTY_PATH. */
export const emptyName: Uint8Array = cName('');

function terminate(name: Uint8Array): Buffer {
  const terminated = Buffer.allocUnsafe(name.length + 1);
  terminated.set(name);
  terminated[name.length] = 0;
  return terminated;
}
