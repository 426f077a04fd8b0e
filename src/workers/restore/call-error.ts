/** The errors of system calls in a restore. The entry they concern is named by the event that carries them. */
import { asHoldfastError, HoldfastError } from '../../base/errors.ts';
import { errnoName } from '../../posix/errno.ts';

/** @param result minus errno, as the calls of libc.ts return it */
export function callError(syscall: string, result: number): HoldfastError {
  const code = errnoName(result);
  if (code === 'ENOSPC' || code === 'EDQUOT') return targetFull(code);
  return asHoldfastError(Object.assign(new Error(`${syscall}: ${code}`), { code, syscall }));
}

/** `result` when it is no error. @throws HoldfastError otherwise */
export function checkedCall(syscall: string, result: number): number {
  if (result < 0) throw callError(syscall, result);
  return result;
}

function targetFull(errno: string): HoldfastError {
  return new HoldfastError('storage-full', `the target of the restore has no room left (${errno})`, {
    hint: 'Free some room there, then run the restore again: with --overwrite if-changed it skips what it has finished.',
    context: { errno },
  });
}
