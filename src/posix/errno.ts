/** Error numbers of the kernel: their names, and the exception for those who want one. */
import { constants } from 'node:os';
import type { HoldfastError } from '../base/errors.ts';
import { asHoldfastError } from '../base/errors.ts';

/** What node:os leaves out and a file system may answer (asm-generic/errno.h; the same on x64 and arm64). */
const namesUnknownToNode: ReadonlyArray<readonly [string, number]> = [
  ['ENOTBLK', 15],
  ['ECOMM', 70],
  ['EUCLEAN', 117],
  ['EREMOTEIO', 121],
  ['ENOMEDIUM', 123],
  ['ENOKEY', 126],
  ['EKEYREJECTED', 129],
  ['EHWPOISON', 133],
];

const secondNames = new Set(['EWOULDBLOCK', 'EOPNOTSUPP']);
const numbersByName = new Map<string, number>([...Object.entries(constants.errno), ...namesUnknownToNode]);
const namesByNumber = new Map<number, string>();
for (const [name, number] of numbersByName) {
  if (!secondNames.has(name)) namesByNumber.set(number, name);
}

/** 'ENOENT' for 2 and for -2; 'errno 4242' for a number without a name. */
export function errnoName(number: number): string {
  const positive = Math.abs(number);
  return namesByNumber.get(positive) ?? `errno ${positive}`;
}

/**
 * Minus the number of an error, as the calls of libc.ts return it: `if (fd === minusErrno('ENOENT'))`.
 *
 * @throws TypeError for a name that does not exist, because that is a slip of the pen
 */
export function minusErrno(name: string): number {
  const number = numbersByName.get(name);
  if (number === undefined) throw new TypeError(`there is no error called ${name}`);
  return -number;
}

/** The exception for a call that returned minus errno, with the hints and codes of an error from node:fs. */
export function posixError(syscall: string, path: string | Uint8Array, result: number): HoldfastError {
  const code = errnoName(result);
  const text = typeof path === 'string' ? path : printablePath(path);
  return asHoldfastError(Object.assign(new Error(`${syscall} ${text}: ${code}`), { code, errno: -Math.abs(result), syscall, path: text }));
}

/** `result` when it is no error. @throws HoldfastError otherwise */
export function checked(syscall: string, path: string | Uint8Array, result: number): number {
  if (result < 0) throw posixError(syscall, path, result);
  return result;
}

function printablePath(path: Uint8Array): string {
  const end = path.at(-1) === 0 ? path.length - 1 : path.length;
  return Buffer.from(path.buffer, path.byteOffset, end).toString('utf8');
}
