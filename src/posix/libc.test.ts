import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { lstatSync, mkdtempSync, openSync, readFileSync, readlinkSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { reporting } from './bindings.ts';
import * as k from './constants.ts';
import { listEntries } from './directory-entries.ts';
import { minusErrno } from './errno.ts';
import { libc } from './libc.ts';
import { cName, emptyName } from './names.ts';
import { FileStat, majorOf, makeDev, minorOf } from './statx.ts';

const folder = mkdtempSync(join(tmpdir(), 'holdfast-libc-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const c = libc();
const isRoot = process.getuid?.() === 0;
const folderFd = openFolder(cName(folder));

function openFolder(name: Uint8Array, dirFd: number = k.AT_FDCWD): number {
  const fd = c.openAt(dirFd, name, k.O_RDONLY | k.O_DIRECTORY | k.O_NOFOLLOW | k.O_CLOEXEC, 0);
  assert.ok(fd >= 0, `open: ${fd}`);
  return fd;
}

function createFile(name: string, content: string | Uint8Array = ''): number {
  const fd = c.openAt(folderFd, cName(name), k.O_RDWR | k.O_CREAT | k.O_EXCL | k.O_CLOEXEC, 0o600);
  assert.ok(fd >= 0, `create: ${fd}`);
  const bytes = Buffer.from(content);
  assert.equal(c.write(fd, bytes, bytes.length), bytes.length);
  return fd;
}

describe('files by descriptor', () => {
  it('writes and reads at offsets, also in shared memory and in the middle of a buffer', () => {
    const fd = createFile('offsets', 'hello world');
    assert.equal(c.pwrite(fd, Buffer.from('HOLD'), 4, 6), 4);
    const shared = new Uint8Array(new SharedArrayBuffer(32));
    assert.equal(c.pread(fd, shared.subarray(10), 5, 6), 5);
    assert.equal(Buffer.from(shared).toString('latin1', 10, 15), 'HOLDd');
    assert.equal(c.seek(fd, 0, k.SEEK_SET), 0);
    const target = Buffer.alloc(20, '.');
    assert.equal(c.read(fd, target.subarray(2), 5), 5);
    assert.equal(target.toString(), '..hello.............');
    assert.equal(c.read(fd, new Uint8Array(0), 0), 0);
    assert.equal(c.close(fd), 0);
    assert.equal(c.close(fd), minusErrno('EBADF'));
  });

  it('takes offsets beyond 4 GB, and finds data and holes there', () => {
    const fd = createFile('sparse');
    const dataAt = 5 * 2 ** 30;
    const dataBytes = 65_536; // at least a block on every file system
    assert.equal(c.pwrite(fd, Buffer.alloc(dataBytes, 1), dataBytes, dataAt), dataBytes);
    assert.equal(c.ftruncate(fd, dataAt * 2), 0);
    assert.equal(c.seek(fd, 0, k.SEEK_HOLE), 0);
    assert.equal(c.seek(fd, 0, k.SEEK_DATA), dataAt);
    assert.equal(c.seek(fd, dataAt, k.SEEK_HOLE), dataAt + dataBytes);
    assert.equal(c.seek(fd, dataAt + dataBytes, k.SEEK_DATA), minusErrno('ENXIO'));
    const status = statAt(folderFd, 'sparse');
    assert.equal(status.sizeBytes, dataAt * 2);
    assert.ok(status.blocks * 512 <= 4 * dataBytes);
    assert.equal(c.fallocate(fd, k.FALLOC_FL_KEEP_SIZE | k.FALLOC_FL_PUNCH_HOLE, dataAt, dataBytes), 0);
    assert.equal(c.seek(fd, 0, k.SEEK_DATA), minusErrno('ENXIO'));
    c.close(fd);
  });

  it('syncs, and passes advice on', () => {
    const fd = createFile('synced', 'x');
    assert.equal(c.fsync(fd), 0);
    assert.equal(c.fdatasync(fd), 0);
    assert.equal(c.fadvise(fd, 0, 0, k.POSIX_FADV_SEQUENTIAL), 0);
    assert.equal(c.fadvise(fd, 0, 0, 99), minusErrno('EINVAL'));
    assert.equal(c.fsync(-1), minusErrno('EBADF'));
    c.close(fd);
  });
});

describe('a call that failed', () => {
  /** Fails with these numbers, one after the other, the last one for ever. */
  function failing(...numbers: readonly number[]) {
    let calls = 0;
    const errno = () => numbers[Math.min(calls, numbers.length) - 1] ?? 0;
    const foreign = () => {
      calls++;
      return -1;
    };
    return { call: reporting(foreign, errno), calls: () => calls };
  }

  it('is made again when its number may be that of a lock inside of the engine', () => {
    const { EAGAIN, ETIMEDOUT, EINTR, EEXIST } = constants.errno;
    const { call, calls } = failing(EAGAIN, ETIMEDOUT, EINTR, EEXIST);
    assert.equal(call(), -EEXIST);
    assert.equal(calls(), 4);
  });

  it('is believed when it says so again and again', () => {
    assert.equal(failing(constants.errno.EAGAIN).call(), -constants.errno.EAGAIN);
  });
});

describe('names relative to a directory', () => {
  it('says what is wrong by minus errno', () => {
    assert.equal(c.openAt(folderFd, cName('absent'), k.O_RDONLY, 0), minusErrno('ENOENT'));
    assert.equal(c.openAt(folderFd, cName('x'.repeat(256)), k.O_RDONLY, 0), minusErrno('ENAMETOOLONG'));
    assert.equal(c.unlinkAt(folderFd, cName('absent'), 0), minusErrno('ENOENT'));
    assert.equal(c.mkdirAt(folderFd, cName('.'), 0o700), minusErrno('EEXIST'));
    assert.equal(c.readLinkAt(folderFd, cName('.'), new Uint8Array(8)), minusErrno('EINVAL'));
  });

  it('creates, renames, links and removes', () => {
    assert.equal(c.mkdirAt(folderFd, cName('made'), 0o750), 0);
    assert.equal(c.renameAt(folderFd, cName('made'), folderFd, cName('moved')), 0);
    assert.ok(statSync(join(folder, 'moved')).isDirectory());
    const fd = createFile('first', 'one');
    assert.equal(c.linkAt(folderFd, cName('first'), folderFd, cName('second'), 0), 0);
    assert.equal(statAt(folderFd, 'second').linkCount, 2);
    assert.equal(c.unlinkAt(folderFd, cName('first'), 0), 0);
    assert.equal(c.unlinkAt(folderFd, cName('moved'), k.AT_REMOVEDIR), 0);
    assert.equal(readFileSync(join(folder, 'second'), 'utf8'), 'one');
    c.close(fd);
  });

  it('keeps names of 255 bytes and bytes that are no UTF-8', () => {
    for (const name of [Buffer.alloc(255, 0xff), Buffer.from([0xe9, 0x0a, 0x27, 0x80])]) {
      const fd = c.openAt(folderFd, cName(name), k.O_WRONLY | k.O_CREAT, 0o600);
      assert.ok(fd >= 0);
      c.close(fd);
      const names = listNames();
      assert.ok(names.some((entry) => entry.equals(name)));
      assert.equal(c.unlinkAt(folderFd, cName(name), 0), 0);
    }
  });

  it('reads and writes link targets as bytes, and shows when the room was too small', () => {
    const target = Buffer.from('nowhere/\xff\xe9', 'latin1');
    assert.equal(c.symlinkAt(cName(target), folderFd, cName('link')), 0);
    const room = Buffer.alloc(64);
    const length = c.readLinkAt(folderFd, cName('link'), room);
    assert.deepEqual(room.subarray(0, length), target);
    assert.deepEqual(readlinkSync(join(folder, 'link'), { encoding: 'buffer' }), target);
    assert.equal(c.readLinkAt(folderFd, cName('link'), new Uint8Array(4)), 4);
    assert.equal(statAt(folderFd, 'link').mode & k.S_IFMT, k.S_IFLNK);
    assert.equal(c.openAt(folderFd, cName('link'), k.O_RDONLY | k.O_NOFOLLOW, 0), minusErrno('ELOOP'));
  });

  it('goes deeper than any path can name', () => {
    const depth = 40;
    const name = cName('d'.repeat(200));
    let fd = openFolder(cName('.'), folderFd);
    for (let level = 0; level < depth; level += 1) {
      assert.equal(c.mkdirAt(fd, name, 0o700), 0);
      const next = openFolder(name, fd);
      c.close(fd);
      fd = next;
    }
    const leaf = c.openAt(fd, cName('leaf'), k.O_WRONLY | k.O_CREAT, 0o600);
    assert.ok(leaf >= 0);
    assert.equal(statAt(fd, 'leaf').mode & k.S_IFMT, k.S_IFREG);
    c.close(leaf);
    c.close(fd);
    assert.throws(() => lstatSync(join(folder, ...Array.from({ length: depth }, () => 'd'.repeat(200)))), { code: 'ENAMETOOLONG' });
  });
});

describe('special files', () => {
  it('makes a fifo', () => {
    assert.equal(c.mknodAt(folderFd, cName('fifo'), k.S_IFIFO | 0o640, 0), 0);
    assert.ok(lstatSync(join(folder, 'fifo')).isFIFO());
  });

  it('makes devices with their numbers', { skip: isRoot ? false : 'needs root' }, () => {
    assert.equal(c.mknodAt(folderFd, cName('null'), k.S_IFCHR | 0o600, makeDev(1, 3)), 0);
    const status = statAt(folderFd, 'null');
    assert.equal(status.mode & k.S_IFMT, k.S_IFCHR);
    assert.deepEqual([majorOf(status.device), minorOf(status.device)], [1, 3]);
    assert.equal(BigInt(status.device), lstatSync(join(folder, 'null'), { bigint: true }).rdev);
    assert.equal(c.mknodAt(folderFd, cName('block'), k.S_IFBLK | 0o600, makeDev(7, 4711)), 0);
    assert.equal(execFileSync('stat', ['-c', '%t %T', join(folder, 'block')], { encoding: 'utf8' }).trim(), '7 1267');
  });
});

describe('metadata', () => {
  it('changes modes by descriptor and by name', () => {
    const fd = createFile('modes');
    assert.equal(c.fchmod(fd, 0o4711), 0);
    assert.equal(statAt(folderFd, 'modes').mode & 0o7777, 0o4711);
    assert.equal(c.fchmodAt(folderFd, cName('modes'), 0o1604), 0);
    assert.equal(statAt(folderFd, 'modes').mode & 0o7777, 0o1604);
    c.close(fd);
  });

  it('changes owners, of a link itself too, and leaves an id as it is', { skip: isRoot ? false : 'needs root' }, () => {
    const fd = createFile('owned');
    assert.equal(c.fchown(fd, 12_345, 4_000_000_000), 0);
    assert.deepEqual(ownerOf('owned'), [12_345, 4_000_000_000]);
    assert.equal(c.fchown(fd, k.unchangedId, 7), 0);
    assert.deepEqual(ownerOf('owned'), [12_345, 7]);
    assert.equal(c.symlinkAt(cName('owned'), folderFd, cName('owned-link')), 0);
    assert.equal(c.fchownAt(folderFd, cName('owned-link'), 5, 6, k.AT_SYMLINK_NOFOLLOW), 0);
    assert.deepEqual(ownerOf('owned-link'), [5, 6]);
    assert.deepEqual(ownerOf('owned'), [12_345, 7]);
    c.close(fd);
  });

  it('describes an open descriptor by the empty name', () => {
    const fd = createFile('by-descriptor', '12345');
    const status = new FileStat();
    assert.equal(c.statxAt(fd, emptyName, k.AT_EMPTY_PATH, status.bytes), 0);
    assert.equal(status.sizeBytes, 5);
    c.close(fd);
  });
});

it('refuses a name with NUL inside, which the kernel would cut off there', () => {
  assert.throws(() => cName('a\0b'), { name: 'HoldfastError', code: 'usage' });
  assert.throws(() => cName(Buffer.from([0x61, 0])), { code: 'usage' });
  assert.deepEqual(cName(Buffer.from([0xff])), Buffer.from([0xff, 0]));
});

it('shares descriptors with node:fs', () => {
  writeFileSync(join(folder, 'shared'), 'abc');
  const fd = openSync(join(folder, 'shared'), 'r');
  const target = Buffer.alloc(3);
  assert.equal(c.pread(fd, target, 3, 0), 3);
  assert.equal(target.toString(), 'abc');
  assert.equal(c.close(fd), 0);
});

function statAt(dirFd: number, name: string): FileStat {
  const status = new FileStat();
  assert.equal(c.statxAt(dirFd, cName(name), k.statLikeLstat, status.bytes), 0);
  return status;
}

function ownerOf(name: string): [number, number] {
  const status = statAt(folderFd, name);
  return [status.uid, status.gid];
}

function listNames(): Buffer[] {
  const fd = openFolder(cName('.'), folderFd);
  const names = listEntries(c, fd).map((entry) => entry.name);
  c.close(fd);
  return names;
}
