/**
 * Sets owner, extended attributes, times and mode, in restic's order (internal/fs/node.go): chown clears
 * security.capability and the setuid bits, so both come after it, and the mode, which may forbid writing, comes last.
 */
import type { HoldfastError } from '../../base/errors.ts';
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_SYMLINK_NOFOLLOW,
  O_CLOEXEC,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_PATH,
  O_RDONLY,
  S_ISGID,
  S_ISUID,
} from '../../posix/constants.ts';
import { minusErrno } from '../../posix/errno.ts';
import type { Libc } from '../../posix/libc.ts';
import { cName, emptyName } from '../../posix/names.ts';
import { timespecsSizeBytes } from '../../posix/timespecs.ts';
import { pathThrough } from '../../posix/xattrs.ts';
import { callError, checkedCall } from './call-error.ts';
import { type RestoreCounter, restoreCounter } from './counters.ts';
import type { Attribute, Metadata } from './metadata.ts';

const notSupported = minusErrno('ENOTSUP');
const noData = minusErrno('ENODATA');
const rangeError = minusErrno('ERANGE');
const notPermitted = minusErrno('EPERM');
const accessDenied = minusErrno('EACCES');

/** Labels that the machine's security module gives to every file: it sets them anew, and does not let them be removed. */
const labelsOfTheMachine = new Set(['security.selinux', 'security.SMACK64', 'security.apparmor', 'security.ima', 'security.evm']);

const readFlags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
const nameListBytes = 65_536;

/** The calls by which attributes are set: on a descriptor, or on a path whose last name is not followed. */
interface AttributeCalls {
  set(attribute: Attribute): number;
  list(target: Uint8Array): number;
  remove(name: Uint8Array): number;
}

export class MetadataSetter {
  readonly #libc: Libc;
  readonly #selectsAttribute: (name: string) => boolean;
  readonly #count: (counter: RestoreCounter, amount: number) => void;
  readonly #timespecs = new Uint8Array(timespecsSizeBytes);
  readonly #timespecView = new DataView(this.#timespecs.buffer);
  readonly #names = Buffer.alloc(nameListBytes);
  readonly #isRoot = process.geteuid?.() === 0;
  #failure: HoldfastError | undefined;

  constructor(libc: Libc, selectsAttribute: (name: string) => boolean, count: (counter: RestoreCounter, amount: number) => void) {
    this.#libc = libc;
    this.#selectsAttribute = selectsAttribute;
    this.#count = count;
  }

  /** Of an open file. @throws HoldfastError the first failure, when everything has been tried */
  setOnFile(fd: number, metadata: Metadata): void {
    const owner = this.#setOwnerAndAttributes(fd, metadata);
    this.#note('chmod', this.#libc.fchmod(fd, this.#permissions(metadata, owner)));
    this.#throwFailure();
  }

  /** Of an open directory, whose setgid bit lends nobody's rights. */
  setOnDirectory(fd: number, metadata: Metadata): void {
    this.#setOwnerAndAttributes(fd, metadata);
    this.#note('chmod', this.#libc.fchmod(fd, metadata.permissions));
    this.#throwFailure();
  }

  /**
   * Of what cannot be opened: a device, a named pipe, a socket, a file without the right to read it.
   * @param fd opened with O_PATH, so that it is one certain object; its mode and times are set through /proc
   */
  setOnPathDescriptor(fd: number, dirFd: number, name: Uint8Array, metadata: Metadata): void {
    const path = cName(`/proc/self/fd/${fd}`);
    const c = this.#libc;
    const owner = c.fchownAt(fd, emptyName, metadata.uid, metadata.gid, AT_EMPTY_PATH);
    this.#note('chown', owner);
    this.#setAttributes(metadata.attributes, this.#callsByName(dirFd, name));
    this.#note('utimens', c.utimensAt(AT_FDCWD, path, this.#times(metadata), 0));
    this.#note('chmod', c.fchmodAt(AT_FDCWD, path, this.#permissions(metadata, owner)));
    this.#throwFailure();
  }

  /** Of an existing file. @throws HoldfastError as the other calls, and when the file is not there */
  setByName(dirFd: number, name: Uint8Array, metadata: Metadata): void {
    const fd = this.#libc.openAt(dirFd, name, readFlags, 0);
    if (fd === accessDenied) return this.#setWithoutReading(dirFd, name, metadata);
    checkedCall('open', fd);
    try {
      this.setOnFile(fd, metadata);
    } finally {
      this.#libc.close(fd);
    }
  }

  /** Of a symbolic link, which has no mode. */
  setOnLink(dirFd: number, name: Uint8Array, metadata: Metadata): void {
    const c = this.#libc;
    this.#note('chown', c.fchownAt(dirFd, name, metadata.uid, metadata.gid, AT_SYMLINK_NOFOLLOW));
    if (metadata.attributes.length > 0) this.#setAttributes(metadata.attributes, this.#callsByName(dirFd, name));
    this.#note('utimens', c.utimensAt(dirFd, name, this.#times(metadata), AT_SYMLINK_NOFOLLOW));
    this.#throwFailure();
  }

  #setWithoutReading(dirFd: number, name: Uint8Array, metadata: Metadata): void {
    const fd = checkedCall('open', this.#libc.openAt(dirFd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0));
    try {
      this.setOnPathDescriptor(fd, dirFd, name, metadata);
    } finally {
      this.#libc.close(fd);
    }
  }

  #setOwnerAndAttributes(fd: number, metadata: Metadata): number {
    const c = this.#libc;
    const owner = c.fchown(fd, metadata.uid, metadata.gid);
    this.#note('chown', owner);
    this.#setAttributes(metadata.attributes, {
      set: ({ name, value }) => c.fsetXattr(fd, name, value, 0),
      list: (target) => c.flistXattr(fd, target),
      remove: (name) => c.fremoveXattr(fd, name),
    });
    this.#note('utimens', c.futimens(fd, this.#times(metadata)));
    return owner;
  }

  #callsByName(dirFd: number, name: Uint8Array): AttributeCalls {
    const c = this.#libc;
    const path = pathThrough(dirFd, terminated(name));
    return {
      set: (attribute) => c.setXattr(path, attribute.name, attribute.value, 0),
      list: (target) => c.listXattr(path, target),
      remove: (attribute) => c.removeXattr(path, attribute),
    };
  }

  #setAttributes(attributes: readonly Attribute[], calls: AttributeCalls): void {
    for (const attribute of attributes) this.#noteAttribute(calls.set(attribute));
    const length = calls.list(this.#names);
    // Nearly always 0: no call more. What the file system of the target has beyond that was inherited, or was there before.
    if (length > 0) this.#removeOthers(attributes, this.#names.subarray(0, length), calls);
    else if (length !== 0 && length !== notSupported && length !== rangeError) this.#note('listxattr', length);
  }

  #removeOthers(attributes: readonly Attribute[], list: Buffer, calls: AttributeCalls): void {
    const wanted = new Set(attributes.map(({ name }) => Buffer.from(name).toString('latin1')));
    for (const name of list.toString('latin1').split('\0')) {
      const readable = Buffer.from(name, 'latin1').toString();
      if (name === '' || wanted.has(`${name}\0`) || labelsOfTheMachine.has(readable) || !this.#selectsAttribute(readable)) continue;
      const result = calls.remove(Buffer.from(`${name}\0`, 'latin1'));
      if (result !== noData && result !== notSupported) this.#note('removexattr', result);
    }
  }

  #noteAttribute(result: number): void {
    if (result === notSupported) this.#count(restoreCounter.unsupportedAttributes, 1);
    else this.#note('setxattr', result);
  }

  /** A file that belongs to somebody else than in the snapshot must not lend that person's rights to everybody. */
  #permissions({ permissions }: Metadata, ownerResult: number): number {
    const privileges = permissions & (S_ISUID | S_ISGID);
    if (ownerResult >= 0 || privileges === 0) return permissions;
    this.#count(restoreCounter.withheldPrivileges, 1);
    return permissions & ~privileges;
  }

  /** As in restic, an ordinary user is not told of what only root may do. */
  #note(syscall: string, result: number): void {
    if (result >= 0 || this.#failure !== undefined) return;
    if (!this.#isRoot && (result === notPermitted || result === accessDenied)) return;
    this.#failure = callError(syscall, result);
  }

  #throwFailure(): void {
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure !== undefined) throw failure;
  }

  #times(metadata: Metadata): Uint8Array {
    this.#writeTime(0, metadata.accessSeconds, metadata.accessNanoseconds);
    this.#writeTime(16, metadata.modifySeconds, metadata.modifyNanoseconds);
    return this.#timespecs;
  }

  /** struct timespec: two 64-bit integers. */
  #writeTime(offset: number, seconds: number, nanoseconds: number): void {
    this.#timespecView.setUint32(offset, seconds >>> 0, true);
    this.#timespecView.setInt32(offset + 4, Math.floor(seconds / 2 ** 32), true);
    this.#timespecView.setUint32(offset + 8, nanoseconds, true);
  }
}

function terminated(name: Uint8Array): Uint8Array {
  return name.subarray(0, name.indexOf(0) + 1);
}
