import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { HoldfastError } from '../base/errors.ts';
import type { PackId } from '../base/ids.ts';
import { blobIds } from '../../test/support/arbitrary-nodes.ts';
import { dataBlob, encodeIndex, type IndexedPack, scanIndex } from './index-file.ts';
import type { LocatedBlob } from './pack-header.ts';

const isDamaged = (error: unknown): boolean => error instanceof HoldfastError && error.code === 'damaged' && 'byteOffset' in error.context;
const hex = (id: Uint8Array): string => Buffer.from(id).toString('hex');

interface Scanned {
  readonly packs: IndexedPack[];
  readonly superseded: string[];
}

function scan(text: string | Buffer): Scanned {
  const packs: { id: PackId; blobs: LocatedBlob[] }[] = [];
  const superseded: string[] = [];
  scanIndex(Buffer.from(text), {
    pack: (id) => packs.push({ id: hex(id) as PackId, blobs: [] }),
    blob: (id, type, offset, length, uncompressedLength) => {
      const blob = { id: hex(id) as LocatedBlob['id'], type: type === dataBlob ? 'data' : 'tree', offset, length } as const;
      packs.at(-1)?.blobs.push(uncompressedLength > 0 ? { ...blob, uncompressedLength } : blob);
    },
    supersedes: (id) => superseded.push(hex(id)),
  });
  return { packs, superseded };
}

const plain = { noNullPrototype: true };
const uint32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const blob: fc.Arbitrary<LocatedBlob> = fc.oneof(
  fc.record({ id: blobIds, type: fc.constantFrom('data', 'tree'), offset: uint32, length: uint32 }, plain),
  fc.record(
    { id: blobIds, type: fc.constantFrom('data', 'tree'), offset: uint32, length: uint32, uncompressedLength: uint32.filter((n) => n > 0) },
    plain,
  ),
);
const packs = fc.array(
  fc.record({ id: blobIds.map((id) => id as string as PackId), blobs: fc.array(blob, { minLength: 1, maxLength: 5 }) }, plain),
  { maxLength: 5 },
);

test('an index says what was written into it', () => {
  fc.assert(fc.property(packs, (list) => assert.deepEqual(scan(encodeIndex(list)), { packs: list, superseded: [] })));
});

test('an index of restic 0.19.1 is written byte for byte the same', () => {
  const index = readFileSync(new URL('fixtures/index.json', import.meta.url));
  assert.equal(encodeIndex(scan(index).packs).toString(), index.toString());
});

/** The same document with its keys in random order, white space between all, and keys that are not known. */
function shuffled(list: readonly IndexedPack[], random: () => number): string {
  const object = (fields: Record<string, string>): string => {
    const entries = [...Object.entries(fields), ['new<\\"', '{"id":[1,-2.5e+3,"\\u00e9",true,null,{}],"a":{"b":[[]]}}']];
    const sorted = entries.map((entry) => [random(), entry] as const).sort(([a], [b]) => a - b);
    return `{ ${sorted.map(([, [key, value]]) => `"${key}" :\t${value}`).join(' ,\r\n')} }`;
  };
  const texts = list.map(({ id, blobs }) => {
    const items = blobs.map(({ id: blobId, type, offset, length, uncompressedLength }) => {
      const optional = uncompressedLength === undefined ? {} : { uncompressed_length: String(uncompressedLength) };
      return object({ id: `"${blobId}"`, type: `"${type}"`, offset: String(offset), length: String(length), ...optional });
    });
    return object({ id: `"${id}"`, blobs: `[ ${items.join(' , ')} ]` });
  });
  return `\n${object({ packs: `[ ${texts.join(' , ')} ]`, supersedes: `["${'cd'.repeat(32)}"]` })}\n`;
}

test('keys may come in any order, with white space and unknown keys between them', () => {
  fc.assert(
    fc.property(packs, fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })), (list, stream) => {
      const random = (): number => Number(stream.next().value);
      assert.deepEqual(scan(shuffled(list, random)), { packs: list, superseded: ['cd'.repeat(32)] });
    }),
  );
});

test('keys written with escapes are the same keys', () => {
  const id = 'ab'.repeat(32);
  assert.equal(scan(`{"p\\u0061cks":[{"\\u0069d":"${id}"}]}`).packs[0]?.id, id);
});

test('unknown keys may follow the blobs of a pack, as rustic writes them', () => {
  const id = 'ab'.repeat(32);
  const text = `{"packs":[{"id":"${id}","blobs":[],"time":"2024-01-01T00:00:00Z","size":5}],"packs_to_delete":[{"id":"${id}"}]}`;
  assert.equal(scan(text).packs.length, 1);
});

test('an index without packs may have an empty list or null', () => {
  assert.deepEqual(scan('{"packs":[]}\n').packs, []);
  assert.deepEqual(scan('{"packs":null}').packs, []);
});

test('the list that was an index before restic 0.2 is unsupported', () => {
  assert.throws(
    () => scan(' [{"id":"x"}]'),
    (error) => error instanceof HoldfastError && error.code === 'repository-unsupported',
  );
});

const id = 'ab'.repeat(32);
const withBlob = (fields: string): string => `{"packs":[{"id":"${id}","blobs":[{${fields}}]}]}`;
const badIndexes = {
  'nothing in it': '',
  'no packs': '{}',
  'an end too early': '{"packs":[',
  'something behind its end': '{"packs":[]}x',
  'packs that are no list': '{"packs":{}}',
  'a pack without id': '{"packs":[{"blobs":[]}]}',
  'a pack with two ids': `{"packs":[{"id":"${id}","blobs":[],"id":"${id}"}]}`,
  'a pack with blobs twice': `{"packs":[{"blobs":[],"id":"${id}","blobs":[]}]}`,
  'an id in capitals': `{"packs":[{"id":"${'AB'.repeat(32)}","blobs":[]}]}`,
  'a short id': '{"packs":[{"id":"abcd","blobs":[]}]}',
  'a long id': `{"packs":[{"id":"${id}ab","blobs":[]}]}`,
  'a blob of unknown type': withBlob(`"id":"${id}","type":"door","offset":0,"length":1`),
  'a blob without offset': withBlob(`"id":"${id}","type":"data","length":1`),
  'an offset of 33 bits': withBlob(`"id":"${id}","type":"data","offset":4294967296,"length":1`),
  'a negative length': withBlob(`"id":"${id}","type":"data","offset":0,"length":-1`),
  'a fraction for a length': withBlob(`"id":"${id}","type":"data","offset":0,"length":1.5`),
  'a number with a leading zero': withBlob(`"id":"${id}","type":"data","offset":01,"length":1`),
  'a number of a thousand digits': withBlob(`"id":"${id}","type":"data","offset":${'9'.repeat(1000)},"length":1`),
  'a comma too many': withBlob(`"id":"${id}","type":"data","offset":0,"length":1,`),
  'a value nested too deeply': `{"x":${'['.repeat(100_000)}${']'.repeat(100_000)},"packs":[]}`,
  'a key with a raw newline': '{"a\nb":1,"packs":[]}',
  'an escape that is none': '{"a":"\\q","packs":[]}',
  'brackets that do not match': '{"a":[{"b":1]},"packs":[]}',
  'a word that is none': '{"a":nul,"packs":[]}',
  'a lone minus': '{"a":-,"packs":[]}',
};
for (const [what, text] of Object.entries(badIndexes)) {
  test(`an index with ${what} is damaged`, () => assert.throws(() => scan(text), isDamaged));
}

test('every index cut short is damaged', () => {
  const whole = readFileSync(new URL('fixtures/index.json', import.meta.url));
  for (let length = 0; length < whole.length - 1; length++) assert.throws(() => scan(whole.subarray(0, length)), isDamaged);
});

test('the scanner accepts as a value exactly what JSON.parse accepts', () => {
  const mutated = fc
    .tuple(fc.json(), fc.nat(), fc.constantFrom('', '"', '{', ']', ',', '0', '.', 'e', '\\', '\u0001', ' ', '-'))
    .map(([text, at, insert]) => {
      const position = at % (text.length + 1);
      return text.slice(0, position) + insert + text.slice(position + (at % 2));
    });
  const isValid = (read: () => unknown): boolean => {
    try {
      read();
      return true;
    } catch {
      return false;
    }
  };
  fc.assert(
    fc.property(fc.oneof(fc.json(), mutated), (text) => {
      const document = `{"x":${text},"packs":[]}`;
      // A mutation may add keys of its own; only the syntax is compared.
      fc.pre(!text.includes('packs') && !text.includes('supersedes'));
      assert.equal(
        isValid(() => scan(document)),
        isValid(() => JSON.parse(document)),
        document,
      );
    }),
    { numRuns: 2000 },
  );
});
