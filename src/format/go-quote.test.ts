import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { HoldfastError } from '../base/errors.ts';
import { canonicalName, compareNames, displayName, quoteName, unquoteName } from './go-quote.ts';

const isDamaged = (error: unknown): boolean => error instanceof HoldfastError && error.code === 'damaged';
const anyBytes = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes));
const textOrBytes = fc.oneof(
  anyBytes,
  fc.string({ unit: 'binary' }).map((text) => Buffer.from(text)),
);

test('every code point is quoted as Go 1.26 quotes it', () => {
  // SHA-256 over strconv.Quote of each code point but surrogates, without its quotes, each with a newline.
  const digest = createHash('sha256');
  for (let codePoint = 0; codePoint <= 0x10ffff; codePoint++) {
    if (codePoint < 0xd800 || codePoint > 0xdfff) digest.update(`${quoteName(Buffer.from(String.fromCodePoint(codePoint)))}\n`);
  }
  assert.equal(digest.digest('hex'), '83628445c4a4459fe91146eea9882b0e98023c37a86bbb08e1c5d57fdff6a70a');
});

test('every pair of bytes before two continuation bytes is split as Go splits it', () => {
  const digest = createHash('sha256');
  for (let pair = 0; pair < 0x10000; pair++) digest.update(`${quoteName(Buffer.of(pair >> 8, pair & 255, 0x80, 0xbf, 0x78))}\n`);
  assert.equal(digest.digest('hex'), '8b898baa1b90e2d24f57ce9bd0565cb6df80c5230ffbd63932dd5d8addfda1a4');
});

test('control characters, quotes and bytes that are no text are escaped', () => {
  const quoted = quoteName(Buffer.from('\x07\b\f\n\r\t\v\x01\x7f"\\\u00ad\u2028\u{1ae8a}\u00e9', 'utf8'));
  assert.equal(quoted, '\\a\\b\\f\\n\\r\\t\\v\\x01\\x7f\\"\\\\\\u00ad\\u2028\\U0001ae8aé');
  assert.equal(quoteName(Buffer.of(0xff, 0x41, 0xc3)), '\\xffA\\xc3');
});

test('a name is taken from the middle of a buffer', () => {
  assert.equal(quoteName(Buffer.from('xx"é"yy'), 2, 6), '\\"é\\"');
});

test('unquoting gives the bytes back', () => {
  fc.assert(fc.property(textOrBytes, (bytes) => assert.deepEqual(unquoteName(quoteName(bytes)), bytes)));
});

test('escapes of old writers, octal ones too, are understood and come out canonical', () => {
  assert.deepEqual(unquoteName('\\101\\U0001fae0\\u00e9'), Buffer.from('A\u{1fae0}é'));
  assert.equal(canonicalName('\\U0001fae0\\u00e9'), '\u{1fae0}é');
});

test('text that Go cannot unquote is damaged', () => {
  for (const text of ['\\', '\\q', "\\'", '\\x1', '\\xzz', '\\u12', '\\ud800', '\\U00110000', '\\400', '\\08', 'a"b', 'a\nb', '\\x41"']) {
    assert.throws(() => unquoteName(text), isDamaged, text);
  }
});

test('names compare by their bytes', () => {
  fc.assert(
    fc.property(textOrBytes, textOrBytes, (a, b) => {
      assert.equal(Math.sign(compareNames(quoteName(a), quoteName(b))), Buffer.compare(a, b));
    }),
  );
});

test('people see the text of a name', () => {
  assert.equal(displayName(quoteName(Buffer.from('a"b\\é\n'))), 'a"b\\é\n');
  assert.equal(displayName(quoteName(Buffer.of(0x61, 0xff))), 'a\ufffd');
  // Node's decoder makes one U+FFFD of the beginning of a sequence, Go one of each byte.
  assert.equal(displayName(quoteName(Buffer.of(0xe2, 0x80, 0x22, 0xc3, 0xa9))), '\ufffd\ufffd"é');
});
