import assert from 'node:assert/strict';
import { closeSync, ftruncateSync, openSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import fc from 'fast-check';
import { temporaryFolder } from '../../../test/support/temporary-folder.ts';
import { libc } from '../../posix/libc.ts';
import { writeSparsely } from './sparse-write.ts';

const block = 4096;

/** Content in pieces: so many bytes of zeros or of something else. */
const pieces = fc.array(
  fc.tuple(fc.boolean(), fc.oneof(fc.nat(10), fc.nat(3 * block), fc.constantFrom(block - 1, block, block + 1, 8 * block))),
  { maxLength: 8 },
);

function contentOf(parts: readonly (readonly [boolean, number])[]): Buffer {
  return Buffer.concat(parts.map(([isZero, length]) => Buffer.alloc(length, isZero ? 0 : 'x')));
}

/** Writes into a new file that is made as long as the content reaches. */
function write(
  path: string,
  content: Buffer,
  offset: number,
): { readonly isCut: boolean; readonly written: Buffer; readonly blocks: number } {
  const fd = openSync(path, 'w');
  const isCut = writeSparsely(libc(), fd, content, offset);
  if (isCut) ftruncateSync(fd, offset + content.length);
  closeSync(fd);
  return { isCut, written: readFileSync(path), blocks: statSync(path).blocks };
}

describe('writeSparsely', () => {
  const folderOf = (t: TestContext): string => join(temporaryFolder(t), 'file');

  it('leaves the same bytes in the file as were given, at any offset', (t) => {
    const path = folderOf(t);
    fc.assert(
      fc.property(pieces, fc.nat(2 * block), (parts, offset) => {
        const content = contentOf(parts);
        const { written } = write(path, content, offset);
        assert.ok(written.equals(content.length === 0 ? Buffer.alloc(0) : Buffer.concat([Buffer.alloc(offset), content])));
      }),
      { numRuns: 300 },
    );
  });

  it('writes no block that is all zeros', (t) => {
    const path = folderOf(t);
    for (const [parts, offset, expected] of [
      [[[true, 64 * block]], 0, 0],
      [[[true, 64 * block + 17]], 0, 0],
      [[[true, 64 * block]], 100, 0],
      [
        [
          [true, 64 * block],
          [false, 1],
        ],
        0,
        1,
      ],
      [
        [
          [false, 1],
          [true, 64 * block],
        ],
        0,
        1,
      ],
      [
        [
          [false, block],
          [true, 64 * block],
          [false, block],
        ],
        0,
        2,
      ],
    ] as const) {
      const { blocks } = write(path, contentOf(parts), offset);
      assert.equal((blocks * 512) / block, expected, JSON.stringify(parts));
    }
  });

  it('writes zeros that are too few for a hole', (t) => {
    const { isCut, blocks } = write(folderOf(t), Buffer.alloc(block - 1), 0);
    assert.deepEqual([isCut, (blocks * 512) / block], [false, 1]);
  });
});
