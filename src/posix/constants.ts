/**
 * Numbers of the Linux kernel's interface that node:fs does not name.
 *
 * Flags of open(2) that differ between x64 and arm64 (O_DIRECTORY, O_NOFOLLOW, O_DIRECT) come from node:fs, which was
 * compiled for the machine it runs on; those written out here are the same on both (asm-generic/fcntl.h).
 */
import { constants } from 'node:fs';

export const O_RDONLY = constants.O_RDONLY;
export const O_WRONLY = constants.O_WRONLY;
export const O_RDWR = constants.O_RDWR;
export const O_CREAT = constants.O_CREAT;
export const O_EXCL = constants.O_EXCL;
export const O_NOCTTY = constants.O_NOCTTY;
export const O_NONBLOCK = constants.O_NONBLOCK;
export const O_DIRECTORY = constants.O_DIRECTORY;
export const O_NOFOLLOW = constants.O_NOFOLLOW;
export const O_NOATIME = constants.O_NOATIME;
export const O_CLOEXEC = 0o2000000;
export const O_PATH = 0o10000000;

/** In place of a directory descriptor: relative to the working directory. */
export const AT_FDCWD = -100;
export const AT_SYMLINK_NOFOLLOW = 0x100;
export const AT_REMOVEDIR = 0x200;
const AT_NO_AUTOMOUNT = 0x800;
/** With an empty name: the object of the descriptor itself. */
export const AT_EMPTY_PATH = 0x1000;

/** What lstat(2) does, said to statxAt: a last component that is a link or an automount point is not entered. */
export const statLikeLstat = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT;

export const SEEK_SET = 0;
export const SEEK_DATA = 3;
export const SEEK_HOLE = 4;

export const POSIX_FADV_SEQUENTIAL = 2;
/** What is cached of a file and written out may be forgotten. */
export const POSIX_FADV_DONTNEED = 4;

export const FALLOC_FL_KEEP_SIZE = 1;
export const FALLOC_FL_PUNCH_HOLE = 2;

/** As uid or gid of the chown calls: leave as it is. */
export const unchangedId = 0xffff_ffff;

export const S_IFMT = 0o170000;
export const S_IFSOCK = 0o140000;
export const S_IFLNK = 0o120000;
export const S_IFREG = 0o100000;
export const S_IFBLK = 0o060000;
export const S_IFDIR = 0o040000;
export const S_IFCHR = 0o020000;
export const S_IFIFO = 0o010000;
export const S_ISUID = 0o4000;
export const S_ISGID = 0o2000;

/** d_type of a directory entry (dirent.h); a file system that does not know says DT_UNKNOWN. */
export const DT_UNKNOWN = 0;
export const DT_DIR = 4;
export const DT_REG = 8;
export const DT_LNK = 10;
