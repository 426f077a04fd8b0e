/** The directory that a restore writes into, held open by a descriptor: whatever happens to its path meanwhile. */
import { mkdirSync } from 'node:fs';
import { asHoldfastError, HoldfastError } from '../base/errors.ts';
import { AT_FDCWD, O_CLOEXEC, O_DIRECTORY, O_PATH } from '../posix/constants.ts';
import { minusErrno, posixError } from '../posix/errno.ts';
import { libc } from '../posix/libc.ts';
import { cName } from '../posix/names.ts';

const openFlags = O_PATH | O_DIRECTORY | O_CLOEXEC;
const missing = minusErrno('ENOENT');
const noDirectory = minusErrno('ENOTDIR');
const modeOfNew = 0o700;

export class RestoreTarget implements Disposable {
  /** Minus one in a dry run into a target that does not exist. */
  readonly fd: number;

  private constructor(fd: number) {
    this.fd = fd;
  }

  /** @throws HoldfastError when it is no directory, or cannot be made */
  static open(path: string | Uint8Array, isDryRun: boolean): RestoreTarget {
    const name = cName(path);
    if (!isDryRun) makeDirectories(name.subarray(0, -1));
    const fd = libc().openAt(AT_FDCWD, name, openFlags, 0);
    if (fd === missing && isDryRun) return new RestoreTarget(-1);
    if (fd === noDirectory) throw notDirectory(name);
    if (fd < 0) throw posixError('open', name, fd);
    return new RestoreTarget(fd);
  }

  [Symbol.dispose](): void {
    if (this.fd >= 0) libc().close(this.fd);
  }
}

function makeDirectories(path: Buffer): void {
  try {
    mkdirSync(path, { recursive: true, mode: modeOfNew });
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'EEXIST' || code === 'ENOTDIR') throw notDirectory(path);
    throw asHoldfastError(error);
  }
}

function notDirectory(path: Uint8Array): HoldfastError {
  const text = Buffer.from(path).toString('utf8').replace(/\0$/u, '');
  return new HoldfastError('usage', `the target ${text} is not a directory`, {
    hint: 'Name a directory, or one that can be made.',
    context: { path: text },
  });
}
