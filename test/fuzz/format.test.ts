import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import type { BlobId } from '../../src/base/ids.ts';
import { decodeConfig, encodeConfig } from '../../src/format/config.ts';
import { quoteName, unquoteName } from '../../src/format/go-quote.ts';
import { parseTime } from '../../src/format/go-time.ts';
import { scanIndex } from '../../src/format/index-file.ts';
import { decodeKeyFile, decodeMasterKey, encodeKeyFile, encodeMasterKey } from '../../src/format/key-file.ts';
import { decodeLock, encodeLock } from '../../src/format/lock-file.ts';
import type { TreeNode } from '../../src/format/node.ts';
import { encodeContent, encodeNode } from '../../src/format/node-encoder.ts';
import { decodeHeader, encodeHeaderEntries, encodeHeaderLength, readHeaderLength } from '../../src/format/pack-header.ts';
import { parentEntries } from '../../src/format/parent-entries.ts';
import { decodeSnapshot, encodeSnapshot } from '../../src/format/snapshot.ts';
import { decodeTree, encodeTree } from '../../src/format/tree.ts';
import { classifyUnpacked } from '../../src/format/unpacked.ts';
import { fuzz } from './fuzz.ts';

const fixture = (name: string): Buffer => readFileSync(new URL(`../../src/format/fixtures/${name}`, import.meta.url));
const trees = [fixture('tree-unusual-names.json'), fixture('tree-directory-berlin.json'), Buffer.from('{"nodes":[]}\n')];

/** What was accepted must come out the same when written and read once more: nothing is half understood. */
function checkStable<T>(decoded: T, encode: (value: T) => Uint8Array, decode: (bytes: Uint8Array) => T): void {
  const text = encode(decoded);
  assert.deepEqual(encode(decode(text)), text);
}

/** undefined where the tree is damaged in a way that change detection need not see */
function acceptedNodes(input: Buffer): TreeNode[] | undefined {
  try {
    return decodeTree(input);
  } catch {
    return undefined;
  }
}

test('trees', (context) => {
  fuzz(context, {
    corpus: trees,
    decode: (input) => {
      checkStable(decodeTree(input), (nodes) => encodeTree(nodes.map(encodeNode)), decodeTree);
    },
  });
});

test('entries of a parent', (context) => {
  fuzz(context, {
    corpus: trees,
    decode: (input) => {
      const entries = parentEntries(input);
      const nodes = acceptedNodes(input);
      if (nodes === undefined) return;
      assert.deepEqual([...entries.keys()], [...new Set(nodes.map(({ name }) => name))]);
      // Of two nodes with one name the last counts.
      for (const node of new Map(nodes.map((each) => [each.name, each])).values()) {
        const entry = entries.get(node.name);
        assert.deepEqual([entry?.type, entry?.mtime, entry?.ctime, entry?.subtree], [node.type, node.mtime, node.ctime, node.subtree]);
        assert.deepEqual([entry?.inode, entry?.size, entry?.content], [node.inode ?? 0, node.size ?? 0, encodeContent(node.content)]);
      }
    },
  });
});

test('indexes', (context) => {
  const id = 'ab'.repeat(32);
  const unusual = `{"supersedes":["${id}"],"packs":[{"blobs":[{"type":"tree","offset":1,"id":"${id}","length":2}],"x":{"y":[1.5e3]},"id":"${id}"}]}`;
  fuzz(context, {
    corpus: [fixture('index.json'), Buffer.from(unusual)],
    decode: (input) => scanIndex(input, { pack: () => {}, blob: () => {} }),
  });
});

test('headers of packs', (context) => {
  const id = 'ab'.repeat(32) as BlobId;
  const blobs = [
    { id, type: 'data', length: 100 },
    { id, type: 'tree', length: 200, uncompressedLength: 300 },
  ] as const;
  const corpus = [encodeHeaderEntries(blobs), encodeHeaderEntries([])];
  fuzz(context, { corpus, decode: (input) => checkStable(decodeHeader(input), encodeHeaderEntries, decodeHeader) });
});

test('lengths of headers', (context) => {
  fuzz(context, { corpus: [encodeHeaderLength(69), encodeHeaderLength(2 ** 24)], decode: (input) => readHeaderLength(input, 1000) });
});

test('snapshots', (context) => {
  fuzz(context, {
    corpus: [fixture('snapshot.json')],
    decode: (input) => checkStable(decodeSnapshot(input), encodeSnapshot, decodeSnapshot),
  });
});

test('configs', (context) => {
  fuzz(context, { corpus: [fixture('config.json')], decode: (input) => checkStable(decodeConfig(input), encodeConfig, decodeConfig) });
});

test('key files', (context) => {
  fuzz(context, { corpus: [fixture('key.json')], decode: (input) => checkStable(decodeKeyFile(input), encodeKeyFile, decodeKeyFile) });
});

test('master keys', (context) => {
  const key = { encrypt: Buffer.alloc(32, 1), macK: Buffer.alloc(16, 2), macR: Buffer.alloc(16, 3) };
  fuzz(context, {
    corpus: [encodeMasterKey(key)],
    decode: (input) => checkStable(decodeMasterKey(input), encodeMasterKey, decodeMasterKey),
  });
});

test('locks', (context) => {
  const lock = encodeLock({
    timeNs: 1_700_000_000_123_456_789n,
    isExclusive: false,
    hostname: 'h',
    username: 'u',
    pid: 4711,
    uid: 1000,
    gid: 100,
  });
  fuzz(context, { corpus: [lock], decode: (input) => checkStable(decodeLock(input), encodeLock, decodeLock) });
});

test('unpacked files', (context) => {
  fuzz(context, { corpus: [Buffer.from('{}'), Buffer.of(2, 1, 2, 3)], decode: classifyUnpacked });
});

test('quoted names', (context) => {
  const corpus = ['plain', '\\x41\\u00e9\\U0001f600', '\\"\\\\', 'é\\101'].map((text) => Buffer.from(text));
  fuzz(context, {
    corpus,
    decode: (input) =>
      checkStable(
        unquoteName(input.toString()),
        (bytes) => Buffer.from(quoteName(bytes)),
        (quoted) => unquoteName(Buffer.from(quoted).toString()),
      ),
  });
});

test('times', (context) => {
  const corpus = ['2024-02-29T23:59:59.123456789+05:45', '0001-01-01T00:00:00Z'].map((text) => Buffer.from(text));
  fuzz(context, { corpus, decode: (input) => parseTime(input.toString('latin1')) });
});
