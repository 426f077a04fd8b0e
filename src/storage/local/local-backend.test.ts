import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { HoldfastError } from '../../base/errors.ts';
import { configFile, type StoredFile } from '../backend.ts';
import { describeBackend } from '../conformance.ts';
import { LocalBackend } from './local-backend.ts';

const oneId = '1'.repeat(64);
const aPack: StoredFile = { kind: 'pack', name: oneId };

describeBackend('LocalBackend', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-local-'));
  const path = join(folder, 'not there yet', 'repository');
  return {
    backend: new LocalBackend({ path }),
    reopen: async () => new LocalBackend({ path }),
    dispose: async () => rmSync(folder, { recursive: true, force: true }),
  };
});

describe('LocalBackend', () => {
  let folder: string;
  let backend: LocalBackend;
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'holdfast-local-'));
    backend = new LocalBackend({ path: folder });
    await backend.create();
  });
  afterEach(async () => {
    await backend.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const modeOf = (...names: string[]) => statSync(join(folder, ...names)).mode & 0o777;

  it('makes the folders of the default layout, all 256 for packs included', () => {
    assert.deepEqual(readdirSync(folder).sort(), ['data', 'index', 'keys', 'locks', 'snapshots']);
    const packFolders = readdirSync(join(folder, 'data'));
    assert.equal(packFolders.length, 256);
    assert.ok(packFolders.every((name) => /^[0-9a-f]{2}$/.test(name)));
  });

  it('puts every kind of file where restic looks for it', async () => {
    assert.equal(backend.pathOf(configFile), join(folder, 'config'));
    assert.equal(backend.pathOf(aPack), join(folder, 'data', '11', oneId));
    assert.equal(backend.pathOf({ kind: 'key', name: oneId }), join(folder, 'keys', oneId));
    assert.equal(backend.pathOf({ kind: 'lock', name: oneId }), join(folder, 'locks', oneId));
    assert.equal(backend.pathOf({ kind: 'snapshot', name: oneId }), join(folder, 'snapshots', oneId));
    assert.equal(backend.pathOf({ kind: 'index', name: oneId }), join(folder, 'index', oneId));
  });

  it('gives files to their owner alone, read-only, and so a file that was adopted', async () => {
    await backend.save(configFile, Buffer.from('c'));
    await backend.save({ kind: 'key', name: oneId }, Buffer.from('k'));
    const staged = join(await backend.stagingFolder(), 'p');
    writeFileSync(staged, 'p', { mode: 0o666 });
    await backend.adopt(aPack, staged);
    assert.equal(modeOf('config'), 0o400);
    assert.equal(modeOf('keys', oneId), 0o400);
    assert.equal(modeOf('data', '11', oneId), 0o400);
    assert.equal(modeOf('keys'), 0o700);
  });

  it('lets the group read where the group may read the config, as restic does', async () => {
    await backend.save(configFile, Buffer.from('c'));
    chmodSync(join(folder, 'config'), 0o440);
    const other = new LocalBackend({ path: folder });
    await other.open();
    await other.save({ kind: 'key', name: oneId }, Buffer.from('k'));
    assert.equal(modeOf('keys', oneId), 0o440);
    await other.close();
  });

  it('makes a folder again that somebody removed', async () => {
    await backend.save(configFile, Buffer.from('c'));
    rmSync(join(folder, 'data'), { recursive: true });
    await backend.save(aPack, Buffer.from('p'));
    assert.equal(readFileSync(join(folder, 'data', '11', oneId), 'latin1'), 'p');
  });

  it('makes nothing where the repository itself is gone, as when a disk was unplugged', async () => {
    await backend.save(configFile, Buffer.from('c'));
    await backend.stagingFolder();
    rmSync(folder, { recursive: true });
    await assert.rejects(backend.save(aPack, Buffer.from('p')), { code: 'storage-missing' });
    assert.throws(() => statSync(folder));
    mkdirSync(folder);
    const other = new LocalBackend({ path: folder });
    await assert.rejects(other.save(aPack, Buffer.from('p')), { code: 'storage-missing' });
    assert.deepEqual(readdirSync(folder), ['tmp']);
    await other.close();
  });

  it('lists a folder that somebody removed as empty, and a repository that is gone not at all', async () => {
    await backend.save(configFile, Buffer.from('c'));
    rmSync(join(folder, 'index'), { recursive: true });
    assert.deepEqual(await Array.fromAsync(backend.list('index')), []);
    rmSync(folder, { recursive: true });
    for (const kind of ['index', 'pack', 'snapshot'] as const) {
      await assert.rejects(Array.fromAsync(backend.list(kind)), { code: 'repository-missing' });
    }
  });

  it('lists neither temporary files of restic nor folders, pipes or packs in the wrong folder', async () => {
    await backend.save(aPack, Buffer.from('p'));
    writeFileSync(join(folder, 'data', '11', `${oneId}-tmp-1234`), 'x');
    writeFileSync(join(folder, 'data', '22', `1${'2'.repeat(63)}`), 'misplaced');
    mkdirSync(join(folder, 'data', '33', '3'.repeat(64)));
    execFileSync('mkfifo', [join(folder, 'data', '44', '4'.repeat(64))]);
    assert.deepEqual(await Array.fromAsync(backend.list('pack')), [{ name: oneId, sizeBytes: 1 }]);
  });

  it('lists names alone as it lists names with sizes, links to files among them', async () => {
    const place = (digit: string) => join(folder, 'snapshots', digit.repeat(64));
    writeFileSync(place('1'), 'x');
    symlinkSync(place('1'), place('2'));
    symlinkSync('/nowhere', place('3'));
    mkdirSync(place('4'));
    execFileSync('mkfifo', [place('5')]);
    const names = async (namesOnly: boolean) => await Array.fromAsync(backend.list('snapshot', { namesOnly }), ({ name }) => name);
    assert.deepEqual(await names(true), ['1'.repeat(64), '2'.repeat(64)]);
    assert.deepEqual(await names(true), await names(false));
  });

  it('reports a folder or a named pipe in the place of a file as damage, and does not hang', async () => {
    mkdirSync(join(folder, 'keys', oneId));
    execFileSync('mkfifo', [join(folder, 'index', oneId)]);
    await assert.rejects(backend.load({ kind: 'key', name: oneId }), { code: 'damaged' });
    await assert.rejects(backend.load({ kind: 'index', name: oneId }), { code: 'damaged' });
    execFileSync('mkfifo', [join(folder, 'locks', oneId)]);
    await assert.rejects(backend.load({ kind: 'lock', name: oneId }), { code: 'damaged' });
  });

  it('copies where a folder of the layout is a link to another file system', async (t) => {
    if (statSync('/dev/shm').dev === statSync(folder).dev) return t.skip('/dev/shm is no other file system');
    const elsewhere = mkdtempSync('/dev/shm/holdfast-local-');
    t.after(() => rmSync(elsewhere, { recursive: true }));
    rmSync(join(folder, 'data', '11'), { recursive: true });
    symlinkSync(elsewhere, join(folder, 'data', '11'));
    const staged = join(await backend.stagingFolder(), 'p');
    writeFileSync(staged, 'p');
    await backend.adopt(aPack, staged);
    assert.deepEqual(readdirSync(elsewhere), [oneId]);
    assert.throws(() => statSync(staged));
    assert.equal(modeOf('data', '11', oneId), 0o400);
  });

  it('removes leftovers of dead processes after a day, and nothing of living or young ones', async () => {
    const host = encodeURIComponent(hostname());
    const dead = deadProcessId();
    const random = 'ab'.repeat(8);
    const days = { gone: 2, young: 0.5, 'foreign-young': 2, 'foreign-old': 8, alive: 30, 'unknown name': 30 };
    const names: Record<keyof typeof days, string> = {
      gone: `${host}-${dead}-${random}`,
      young: `${host}-${dead}-${'cd'.repeat(8)}`,
      'foreign-young': `other%2Fhost-7-${random}`,
      'foreign-old': `other-host-7-${random}`,
      alive: `${host}-1-${random}`,
      'unknown name': 'a file of somebody',
    };
    for (const kind of Object.keys(days) as (keyof typeof days)[]) {
      const path = join(folder, 'tmp', names[kind]);
      mkdirSync(path, { recursive: true });
      writeFileSync(join(path, 'pack'), 'x');
      const seconds = Date.now() / 1000 - days[kind] * 86_400;
      utimesSync(path, seconds, seconds);
    }
    const own = basename(await backend.stagingFolder());
    const expected = [names.young, names['foreign-young'], names.alive, names['unknown name'], own];
    assert.deepEqual(readdirSync(join(folder, 'tmp')).sort(), expected.sort());
  });

  it('gives two backends different staging folders, also for the same place', async () => {
    const other = new LocalBackend({ path: folder });
    assert.notEqual(await other.stagingFolder(), await backend.stagingFolder());
    assert.equal(statSync(await other.stagingFolder()).mode & 0o777, 0o700);
    await other.close();
  });

  it('says that the storage is full, and leaves no file', async (t) => {
    const full = smallFileSystem(t);
    if (full === undefined) return t.skip('no right to mount a small tmpfs here');
    const small = new LocalBackend({ path: full });
    await small.create();
    await assert.rejects(small.save(aPack, Buffer.alloc(4 << 20)), (error) => {
      assert.ok(error instanceof HoldfastError);
      assert.equal(error.code, 'storage-full');
      assert.match(error.hint ?? '', /room/);
      return true;
    });
    assert.deepEqual(await Array.fromAsync(small.list('pack')), []);
    assert.deepEqual(readdirSync(await small.stagingFolder()), []);
    await small.close();
  });

  it('says that a file system is read-only', async (t) => {
    const path = smallFileSystem(t);
    if (path === undefined) return t.skip('no right to mount a small tmpfs here');
    const frozen = new LocalBackend({ path });
    await frozen.create();
    execFileSync('mount', ['-o', 'remount,ro', path]);
    await assert.rejects(frozen.save(aPack, Buffer.from('x')), { code: 'storage-denied', hint: /read-only/ });
    await frozen.close();
  });

  it('a path below a file is no repository', async () => {
    writeFileSync(join(folder, 'plain'), '');
    await assert.rejects(new LocalBackend({ path: join(folder, 'plain', 'below') }).open(), { code: 'repository-missing' });
    await assert.rejects(new LocalBackend({ path: join(folder, 'plain') }).open(), { code: 'repository-missing' });
  });
});

function deadProcessId(): number {
  return Number(execFileSync(process.execPath, ['-p', 'process.pid'], { encoding: 'utf8' }));
}

function smallFileSystem(t: { after: (work: () => void) => void }): string | undefined {
  const path = mkdtempSync(join(tmpdir(), 'holdfast-small-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', path], { stdio: 'ignore' });
  } catch {
    rmSync(path, { recursive: true });
    return undefined;
  }
  t.after(() => {
    execFileSync('umount', [path]);
    rmSync(path, { recursive: true });
  });
  return path;
}
