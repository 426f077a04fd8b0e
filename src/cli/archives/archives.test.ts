import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { lstatSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { extract } from 'tar-stream';
import { goMode } from '../../format/file-mode.ts';
import { quoteName } from '../../format/go-quote.ts';
import { MemoryTrees, type Sketch } from '../../../test/support/memory-trees.ts';
import { rootPath, type TreePath } from '../../repository/tree/tree-path.ts';
import { aclText } from './acl-text.ts';
import type { ArchiveEntry, FolderToArchive } from './archive-entries.ts';
import type { BlobSource } from './file-content.ts';
import { type ChunkWriter, writeTar } from './tar.ts';
import { writeZip } from './zip.ts';

const work = mkdtempSync(join(tmpdir(), 'holdfast-archives-'));
after(() => rmSync(work, { recursive: true, force: true }));

const longName = `${'ö'.repeat(120)}.txt`;
const sketch: Sketch = {
  'c:odd': 'drive',
  dir: { empty: '', file: 'one\ntwo', deep: { [longName]: 'long' } },
  link: { type: 'symlink', linkTarget: '../somewhere/else', size: 0, content: null },
  'hard-a': { type: 'file', links: 2, inode: 5, deviceId: 1 },
  'hard-b': { type: 'file', links: 2, inode: 5, deviceId: 1 },
  pipe: { type: 'fifo', mode: goMode.namedPipe + 0o600, content: null },
  setuid: {
    type: 'file',
    mode: goMode.setuid + 0o755,
    mtime: '2026-01-02T03:04:05.123456789Z',
    uid: 3_000_000,
    gid: 12,
    user: 'u'.repeat(40),
  },
  socket: { type: 'socket', content: null },
};

type Writer = (
  folder: FolderToArchive & { source: BlobSource },
  write: ChunkWriter,
  onSkipped: (entry: ArchiveEntry) => void,
) => Promise<void>;

async function pack(writer: Writer, content: Sketch, path: TreePath = rootPath): Promise<{ bytes: Buffer; skipped: string[] }> {
  const trees = new MemoryTrees();
  const chunks: Uint8Array[] = [];
  const skipped: string[] = [];
  const folder = { source: trees, tree: trees.store(content), path, signal: new AbortController().signal };
  await writer(
    folder,
    async (chunk) => void chunks.push(chunk),
    (entry) => skipped.push(entry.name.toString()),
  );
  return { bytes: Buffer.concat(chunks), skipped };
}

describe('a tar archive', () => {
  test('unpacks with tar into what the snapshot holds', async () => {
    const { bytes, skipped } = await pack(writeTar, sketch);
    const target = mkdtempSync(join(work, 'tar-'));
    execFileSync('tar', ['-xpf', '-', '-C', target, '--no-same-owner'], { input: bytes });
    assert.deepEqual(skipped, ['socket']);
    assert.deepEqual(readdirSync(target).sort(), ['c:odd', 'dir', 'hard-a', 'hard-b', 'link', 'pipe', 'setuid']);
    assert.equal(readFileSync(join(target, 'dir/file'), 'utf8'), 'onetwo');
    assert.equal(readFileSync(join(target, 'dir/deep', longName), 'utf8'), 'long');
    assert.equal(readlinkSync(join(target, 'link')), '../somewhere/else');
    assert.equal(lstatSync(join(target, 'hard-a')).ino, lstatSync(join(target, 'hard-b')).ino);
    assert.ok(lstatSync(join(target, 'pipe')).isFIFO());
    assert.equal(lstatSync(join(target, 'setuid')).mode & 0o7777, 0o4755);
    assert.equal(lstatSync(join(target, 'setuid'), { bigint: true }).mtimeNs, 1_767_323_045_123_456_789n);
  });

  test('holds large owners, long owner names and attributes of any bytes', async () => {
    const value = Buffer.from([0, 1, 0xff, 0x0a]);
    const { bytes } = await pack(writeTar, { ...sketch, x: { type: 'file', extendedAttributes: [{ name: 'user.bytes', value }] } });
    const headers = await readHeaders(bytes);
    const setuid = headers.find(({ name }) => name === 'setuid');
    assert.equal(setuid?.pax?.['uid'], '3000000');
    assert.equal(setuid?.pax?.['uname'], 'u'.repeat(40));
    assert.equal(setuid?.gname, '');
    assert.ok(bytes.includes(Buffer.concat([Buffer.from('SCHILY.xattr.user.bytes='), value, Buffer.from('\n')])));
  });

  test('keeps names that are no UTF-8', async () => {
    const trees = new MemoryTrees();
    const name = quoteName(Buffer.from([0x61, 0xff]));
    const { bytes } = await pack(writeTar, { a: { type: 'file', name } });
    const listing = execFileSync('tar', ['-tf', '-', '--quoting-style=literal'], { input: bytes, encoding: 'latin1' });
    assert.equal(listing, 'a\u00ff\n');
    assert.ok(trees);
  });

  test('of a subfolder carries its path', async () => {
    const { bytes } = await pack(writeTar, { f: 'x' }, '/etc/ssh' as TreePath);
    assert.deepEqual(
      (await readHeaders(bytes)).map(({ name }) => name),
      ['etc/ssh/f'],
    );
  });

  test('is not finished when a file has another size than its node says', async () => {
    await assert.rejects(pack(writeTar, { f: { type: 'file', size: 5 } }), { code: 'damaged' });
  });
});

interface PaxHeader {
  readonly name: string;
  readonly gname?: string | undefined;
  readonly pax?: Readonly<Record<string, string>> | null | undefined;
}

async function readHeaders(bytes: Buffer): Promise<PaxHeader[]> {
  const headers: PaxHeader[] = [];
  const reader = extract();
  reader.end(bytes);
  for await (const entry of reader) {
    headers.push(entry.header as PaxHeader);
    entry.resume();
  }
  return headers;
}

describe('a zip archive', () => {
  test('unpacks with another program into what the format can hold', async () => {
    const { bytes, skipped } = await pack(writeZip, sketch);
    const archive = join(work, 'a.zip');
    writeFileSync(archive, bytes);
    const listing = JSON.parse(execFileSync('python3', ['-c', readZip, archive], { encoding: 'utf8' })) as Record<
      string,
      [number, string, number[]]
    >;
    assert.deepEqual(skipped, ['pipe', 'socket']);
    assert.deepEqual(listing['dir/file'], [0o100644, 'onetwo', [2026, 11, 21]]);
    assert.deepEqual(listing['link'], [0o120644, '../somewhere/else', [2026, 11, 21]]);
    assert.deepEqual(listing['setuid']?.[0], 0o104755);
    assert.equal(listing[`dir/deep/${longName}`]?.[1], 'long');
    assert.equal(listing['./c:odd']?.[1], 'drive');
    assert.ok('hard-a' in listing && 'hard-b' in listing && 'dir/empty' in listing);
  });

  test('takes times before 1980', async () => {
    const { bytes } = await pack(writeZip, { f: { type: 'file', mtime: '1960-01-01T00:00:00Z' } });
    assert.ok(bytes.length > 0);
  });

  test('fails when a file cannot be read', async () => {
    await assert.rejects(pack(writeZip, { f: { type: 'file', size: 5 } }), { code: 'damaged' });
  });
});

const readZip = `
import json, sys, zipfile
archive = zipfile.ZipFile(sys.argv[1])
assert archive.testzip() is None
print(json.dumps({i.filename: [i.external_attr >> 16, archive.read(i).decode(), list(i.date_time[:3])] for i in archive.infolist()}))
`;

describe('an ACL', () => {
  test('becomes the long text form', () => {
    const entries = [
      [0x01, 6, 0xffffffff],
      [0x02, 4, 1001],
      [0x04, 2, 0xffffffff],
      [0x10, 7, 0xffffffff],
      [0x20, 0, 0xffffffff],
    ] as const;
    const attribute = Buffer.alloc(4 + 8 * entries.length);
    attribute.writeUInt32LE(2, 0);
    entries.forEach(([tag, bits, id], index) => {
      attribute.writeUInt16LE(tag, 4 + 8 * index);
      attribute.writeUInt16LE(bits, 6 + 8 * index);
      attribute.writeUInt32LE(id, 8 + 8 * index);
    });
    assert.equal(aclText(attribute), 'user::rw-\nuser:1001:r--\ngroup::-w-\nmask::rwx\nother::---\n');
  });

  test('of unknown form is left out', () => {
    assert.equal(aclText(Buffer.from([1, 0, 0, 0])), undefined);
    assert.equal(aclText(Buffer.from([2, 0])), undefined);
  });
});
