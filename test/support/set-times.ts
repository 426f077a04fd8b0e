import { AT_FDCWD, AT_SYMLINK_NOFOLLOW } from '../../src/posix/constants.ts';
import { checked } from '../../src/posix/errno.ts';
import { libc } from '../../src/posix/libc.ts';
import { cName } from '../../src/posix/names.ts';
import { timespecsSizeBytes, writeTimespecs } from '../../src/posix/timespecs.ts';

/** Sets times exactly, which Node's own calls do not; a link's own times where the path is one. Undefined leaves a time as it is. */
export function setTimes(path: string | Buffer, accessNs: bigint | undefined, modifyNs: bigint | undefined): void {
  const timespecs = new Uint8Array(timespecsSizeBytes);
  writeTimespecs(timespecs, accessNs, modifyNs);
  checked('utimensat', path, libc().utimensAt(AT_FDCWD, cName(path), timespecs, AT_SYMLINK_NOFOLLOW));
}
