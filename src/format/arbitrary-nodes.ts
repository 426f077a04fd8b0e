/** Random fields of nodes for tests: everything that an archiver could hand to the encoder. */
import fc from 'fast-check';
import type { BlobId } from '../base/ids.ts';
import type { NodeType } from './file-mode.ts';
import { quoteName } from './go-quote.ts';
import type { NodeFields } from './node-encoder.ts';

const bytes = fc.oneof(
  fc.string({ minLength: 1 }).map((text) => Buffer.from(text)),
  fc.string({ minLength: 1, unit: 'binary' }).map((text) => Buffer.from(text)),
  fc.uint8Array({ minLength: 1, maxLength: 20 }).map((array) => Buffer.from(array)),
);
export const nameBytes = bytes.filter((name) => !name.includes(0) && !name.includes(0x2f) && !['.', '..'].includes(name.toString('latin1')));
export const blobIds = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((array) => Buffer.from(array).toString('hex') as BlobId);
const uint64 = fc.oneof(fc.nat(), fc.maxSafeNat(), fc.bigInt(2n ** 53n, 2n ** 64n - 1n));
const uint32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const seconds = fc.oneof(fc.integer({ min: 0, max: 2_000_000_000 }), fc.integer({ min: -70_000_000_000, max: 300_000_000_000 }));
const nanoseconds = fc.integer({ min: 0, max: 999_999_999 });
const types = fc.constantFrom<NodeType[]>('file', 'dir', 'symlink', 'dev', 'chardev', 'fifo', 'socket');
/** Text and not bytes: bytes that are no text do not come back from JSON. */
const attributes = fc.array(fc.record({ name: fc.string({ unit: 'grapheme' }), value: fc.option(bytes, { nil: null }) }), { maxLength: 3 });

export const nodeFields: fc.Arbitrary<NodeFields> = fc.record({
  nameQuoted: nameBytes.map((name) => quoteName(name)),
  type: types,
  goMode: uint32,
  mtimeSec: seconds,
  mtimeNs: nanoseconds,
  atimeSec: seconds,
  atimeNs: nanoseconds,
  ctimeSec: seconds,
  ctimeNs: nanoseconds,
  uid: uint32,
  gid: uint32,
  user: fc.string({ unit: 'grapheme' }),
  group: fc.string(),
  inode: uint64,
  deviceId: uint64,
  size: uint64,
  links: uint64,
  device: uint64,
  linkTarget: fc.option(bytes, { nil: undefined }),
  xattrs: fc.option(attributes, { nil: undefined }),
});
