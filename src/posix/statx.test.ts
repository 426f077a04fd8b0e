import assert from 'node:assert/strict';
import { type BigIntStats, lstatSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, it } from 'node:test';
import fc from 'fast-check';
import * as k from './constants.ts';
import { libc } from './libc.ts';
import { cName } from './names.ts';
import { FileStat, majorOf, makeDev, minorOf } from './statx.ts';
import { timespecsSizeBytes, writeTimespecs } from './timespecs.ts';

const folder = mkdtempSync(join(tmpdir(), 'holdfast-statx-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const c = libc();

function statOf(path: string, bytes?: Uint8Array): FileStat {
  const status = new FileStat(bytes);
  assert.equal(c.statxAt(k.AT_FDCWD, cName(path), k.statLikeLstat, status.bytes), 0);
  return status;
}

function expectSame(status: FileStat, node: BigIntStats): void {
  assert.equal(BigInt(status.mode), node.mode);
  assert.equal(BigInt(status.uid), node.uid);
  assert.equal(BigInt(status.gid), node.gid);
  assert.equal(BigInt(status.linkCount), node.nlink);
  assert.equal(BigInt(status.inode), node.ino);
  assert.equal(BigInt(status.sizeBytes), node.size);
  assert.equal(BigInt(status.blocks), node.blocks);
  assert.equal(BigInt(status.blockSizeBytes), node.blksize);
  assert.equal(BigInt(status.deviceId), node.dev);
  assert.equal(BigInt(status.device), node.rdev);
  assert.equal(nanoseconds(status.modifySeconds, status.modifyNanoseconds), node.mtimeNs);
  assert.equal(nanoseconds(status.changeSeconds, status.changeNanoseconds), node.ctimeNs);
}

function nanoseconds(seconds: number, rest: number): bigint {
  return BigInt(seconds) * 1_000_000_000n + BigInt(rest);
}

it('says what node:fs says, of files, directories, links and devices', () => {
  writeFileSync(join(folder, 'file'), 'some bytes');
  symlinkSync('file', join(folder, 'link'));
  for (const path of [join(folder, 'file'), join(folder, 'link'), folder, '/', '/dev/null', '/proc/self/exe', '/dev/tty', '/etc/passwd']) {
    expectSame(statOf(path), lstatSync(path, { bigint: true }));
  }
});

it('reads out of the middle of a larger buffer', () => {
  const memory = new Uint8Array(new SharedArrayBuffer(1024));
  const status = statOf('/etc/passwd', memory.subarray(300, 556));
  assert.equal(BigInt(status.inode), lstatSync('/etc/passwd', { bigint: true }).ino);
});

it('keeps inodes exact that a number cannot hold', () => {
  const status = new FileStat();
  const view = new DataView(status.bytes.buffer);
  for (const inode of [0n, 1n, 2n ** 32n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 53n + 1n, 2n ** 64n - 1n]) {
    view.setBigUint64(32, inode, true);
    assert.equal(BigInt(status.inode), inode);
    assert.equal(String(status.inode), String(inode));
  }
});

it('encodes device numbers as gnu_dev_makedev does', () => {
  assert.equal(makeDev(8, 1), 0x801);
  const part = fc.integer({ min: 0, max: 0xffff_ffff });
  fc.assert(
    fc.property(part, part, (major, minor) => {
      const device = makeDev(major, minor);
      assert.equal(BigInt(device), BigInt(expectedDev(major, minor)));
      assert.deepEqual([majorOf(device), minorOf(device)], [major, minor]);
    }),
  );
});

/** The formula of glibc's bits/sysmacros.h, in 64 bits. */
function expectedDev(major: number, minor: number): number | bigint {
  const [high, low] = [BigInt(major), BigInt(minor)];
  const device = ((high & 0xfffn) << 8n) | ((high & 0xffff_f000n) << 32n) | (low & 0xffn) | ((low & 0xffff_ff00n) << 12n);
  return device < 2n ** 53n ? Number(device) : device;
}

it('sets and reads times to the nanosecond, before 1970 too, and of a link itself', () => {
  const path = join(folder, 'times');
  writeFileSync(path, '');
  symlinkSync('absent', join(folder, 'dangling'));
  const timespecs = new Uint8Array(timespecsSizeBytes);
  for (const modify of [0n, 1n, 1_700_000_000_123_456_789n, -1n, -1_000_000_000n, -1_500_000_001n, -2_000_000_000_999_999_999n]) {
    writeTimespecs(timespecs, modify + 5n, modify);
    for (const name of [path, join(folder, 'dangling')]) {
      assert.equal(c.utimensAt(k.AT_FDCWD, cName(name), timespecs, k.AT_SYMLINK_NOFOLLOW), 0);
      const status = statOf(name);
      assert.equal(nanoseconds(status.modifySeconds, status.modifyNanoseconds), modify);
      assert.equal(nanoseconds(status.accessSeconds, status.accessNanoseconds), modify + 5n);
    }
  }
});

it('leaves a time as it is that is not given', () => {
  const path = join(folder, 'one-time');
  writeFileSync(path, '');
  const fd = c.openAt(k.AT_FDCWD, cName(path), k.O_RDWR, 0);
  const timespecs = new Uint8Array(timespecsSizeBytes);
  writeTimespecs(timespecs, 1_000_000_001n, 2_000_000_002n);
  assert.equal(c.futimens(fd, timespecs), 0);
  writeTimespecs(timespecs, undefined, 3_000_000_003n);
  assert.equal(c.futimens(fd, timespecs), 0);
  const status = statOf(path);
  assert.equal(nanoseconds(status.accessSeconds, status.accessNanoseconds), 1_000_000_001n);
  assert.equal(nanoseconds(status.modifySeconds, status.modifyNanoseconds), 3_000_000_003n);
  c.close(fd);
});
