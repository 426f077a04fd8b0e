/** From the symbols of the C library to the calls of libc.ts: signatures, errno, interruptions, missing symbols. */
import { createRequire } from 'node:module';
import type { LibraryHandle } from 'koffi';
import { HoldfastError } from '../base/errors.ts';
import type { Libc } from './libc.ts';

export type Koffi = typeof import('koffi');

/** Descriptors, numbers, buffers: what crosses into C. */
type Argument = number | bigint | Uint8Array;
type Foreign = (...values: Argument[]) => number;
type Call = (symbol: string, parameters: string[]) => Foreign;

const bytes = 'void *';
const offset = 'int64_t';
const statxBasicStats = 0x7ff;

/** @throws HoldfastError `unsupported` when a symbol is missing */
export function bindLibc(koffi: Koffi): Libc {
  const library = koffi.load(null);
  const errno = (): number => koffi.errno();
  const call: Call = (symbol, parameters) => reporting(bindSymbol(library, symbol, resultType(symbol), parameters), errno);
  const newer: Call = (symbol, parameters) => (hasSymbol(library, symbol) ? call(symbol, parameters) : byNumber(call, symbol, parameters));
  return {
    ...bindReads(call, newer),
    ...bindWrites(call, bindSymbol(library, 'close', 'int', ['int']), errno),
    ...bindNames(call, newer),
    ...bindMetadata(call),
    ...bindPathAttributes(call),
    ...bindFileAttributes(call),
  };
}

/** @throws HoldfastError `unsupported` where koffi has no build for the machine */
export function loadKoffi(): Koffi {
  if (process.platform !== 'linux') throw unsupported(`system calls are bound for linux only, this is ${process.platform}`);
  try {
    return createRequire(import.meta.url)('koffi') as Koffi;
  } catch (cause) {
    throw unsupported(`the package koffi has no build that loads on ${process.platform} ${process.arch}`, cause);
  }
}

function bindReads(call: Call, newer: Call) {
  const statx = newer('statx', ['int', bytes, 'int', 'uint32_t', bytes]);
  const getdents = newer('getdents64', ['int', bytes, 'size_t']);
  const readlink = call('readlinkat', ['int', bytes, bytes, 'size_t']);
  const advise = call('posix_fadvise', ['int', offset, offset, 'int']);
  return {
    openAt: call('openat', ['int', bytes, 'int', 'uint32_t']),
    readEntries: (fd: number, target: Uint8Array) => getdents(fd, target, target.length),
    statxAt: (dirFd: number, name: Uint8Array, flags: number, target: Uint8Array) => statx(dirFd, name, flags, statxBasicStats, target),
    readLinkAt: (dirFd: number, name: Uint8Array, target: Uint8Array) => readlink(dirFd, name, target, target.length),
    read: call('read', ['int', bytes, 'size_t']),
    pread: call('pread', ['int', bytes, 'size_t', offset]),
    seek: call('lseek', ['int', offset, 'int']),
    // The only call that returns its error number instead of setting errno. -0 would not be equal to 0 in Object.is.
    fadvise: (fd: number, start: number, length: number, advice: number) => 0 - advise(fd, start, length, advice),
  };
}

function bindWrites(call: Call, close: Foreign, errno: () => number) {
  return {
    close: (fd: number) => closeOnce(close, fd, errno),
    write: call('write', ['int', bytes, 'size_t']),
    pwrite: call('pwrite', ['int', bytes, 'size_t', offset]),
    fsync: call('fsync', ['int']),
    fdatasync: call('fdatasync', ['int']),
    ftruncate: call('ftruncate', ['int', offset]),
    fallocate: call('fallocate', ['int', 'int', offset, offset]),
  };
}

function bindNames(call: Call, newer: Call) {
  return {
    mkdirAt: call('mkdirat', ['int', bytes, 'uint32_t']),
    mknodAt: newer('mknodat', ['int', bytes, 'uint32_t', 'uint64_t']),
    symlinkAt: call('symlinkat', [bytes, 'int', bytes]),
    linkAt: call('linkat', ['int', bytes, 'int', bytes, 'int']),
    unlinkAt: call('unlinkat', ['int', bytes, 'int']),
    renameAt: call('renameat', ['int', bytes, 'int', bytes]),
  };
}

function bindMetadata(call: Call) {
  const chmod = call('fchmodat', ['int', bytes, 'uint32_t', 'int']);
  return {
    fchown: call('fchown', ['int', 'uint32_t', 'uint32_t']),
    fchownAt: call('fchownat', ['int', bytes, 'uint32_t', 'uint32_t', 'int']),
    fchmod: call('fchmod', ['int', 'uint32_t']),
    fchmodAt: (dirFd: number, name: Uint8Array, mode: number) => chmod(dirFd, name, mode, 0),
    utimensAt: call('utimensat', ['int', bytes, bytes, 'int']),
    futimens: call('futimens', ['int', bytes]),
  };
}

function bindPathAttributes(call: Call) {
  const list = call('llistxattr', [bytes, bytes, 'size_t']);
  const get = call('lgetxattr', [bytes, bytes, bytes, 'size_t']);
  const set = call('lsetxattr', [bytes, bytes, bytes, 'size_t', 'int']);
  return {
    listXattr: (path: Uint8Array, target: Uint8Array) => list(path, target, target.length),
    getXattr: (path: Uint8Array, name: Uint8Array, target: Uint8Array) => get(path, name, target, target.length),
    setXattr: (path: Uint8Array, name: Uint8Array, value: Uint8Array, flags: number) => set(path, name, value, value.length, flags),
    removeXattr: call('lremovexattr', [bytes, bytes]),
  };
}

function bindFileAttributes(call: Call) {
  const list = call('flistxattr', ['int', bytes, 'size_t']);
  const get = call('fgetxattr', ['int', bytes, bytes, 'size_t']);
  const set = call('fsetxattr', ['int', bytes, bytes, 'size_t', 'int']);
  return {
    flistXattr: (fd: number, target: Uint8Array) => list(fd, target, target.length),
    fgetXattr: (fd: number, name: Uint8Array, target: Uint8Array) => get(fd, name, target, target.length),
    fsetXattr: (fd: number, name: Uint8Array, value: Uint8Array, flags: number) => set(fd, name, value, value.length, flags),
    fremoveXattr: call('fremovexattr', ['int', bytes]),
  };
}

/** ssize_t and off_t are as wide as a pointer on the machines Holdfast runs on; everything else returns int. */
const wideResults = new Set(['read', 'pread', 'write', 'pwrite', 'lseek', 'readlinkat', 'getdents64', 'syscall']);

function resultType(symbol: string): string {
  return wideResults.has(symbol) || symbol.endsWith('xattr') ? 'intptr_t' : 'int';
}

const eintr = 4;
/** EINTR, EAGAIN, ETIMEDOUT: the last two are what locks inside V8 leave behind, too. */
const passing: ReadonlySet<number> = new Set([eintr, 11, 110]);
/** A call that blocks never answers EAGAIN; a file system that really answers so, or with ETIMEDOUT, is believed in the end. */
const maxRepeats = 16;

/**
 * Minus errno instead of -1. A call that a signal interrupted is made again. So is one whose number may be another's: between a call that
 * failed and the moment in which its errno is read, V8 may wait for a lock, and the futex behind it sets errno (seen: EAGAIN from mkdir
 * of a folder that is there). The call failed and changed nothing, so it fails again, with its own number.
 */
export function reporting(foreign: Foreign, errno: () => number): Foreign {
  return (...values) => {
    for (let repeats = 0; ; repeats++) {
      const result = foreign(...values);
      if (result !== -1) return result;
      const error = errno();
      if (!passing.has(error) || (error !== eintr && repeats >= maxRepeats)) return -error;
    }
  };
}

/** An interrupted close has closed: to close again could hit a descriptor that another thread has opened since. */
function closeOnce(close: Foreign, fd: number, errno: () => number): number {
  if (close(fd) !== -1) return 0;
  const error = errno();
  return error === eintr ? 0 : -error;
}

/** Numbers of the calls that some C libraries have no function for: getdents64 (glibc < 2.30), mknodat (glibc < 2.33), statx (musl < 1.2.5). */
const callNumbers: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  x64: { getdents64: 217, mknodat: 259, statx: 332 },
  arm64: { getdents64: 61, mknodat: 33, statx: 291 },
};

function byNumber(call: Call, symbol: string, parameters: string[]): Foreign {
  const number = callNumbers[process.arch]?.[symbol];
  if (number === undefined) throw unsupported(`the C library of this machine has no ${symbol}`);
  const syscall = call('syscall', ['long', ...parameters]);
  return (...values) => syscall(number, ...values);
}

function hasSymbol(library: LibraryHandle, symbol: string): boolean {
  try {
    library.symbol(symbol);
    return true;
  } catch {
    return false;
  }
}

export function bindSymbol(library: LibraryHandle, symbol: string, result: string, parameters: string[]): Foreign {
  try {
    return library.func(symbol, result, parameters) as Foreign;
  } catch (cause) {
    throw unsupported(`the C library of this machine has no ${symbol}`, cause);
  }
}

function unsupported(message: string, cause?: unknown): HoldfastError {
  return new HoldfastError('unsupported', message, {
    cause,
    hint: 'Holdfast runs on Linux, x64 or arm64, with glibc 2.28 or newer or with musl; install its dependencies on the machine where it runs.',
  });
}
