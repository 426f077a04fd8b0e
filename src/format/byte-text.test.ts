import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ByteText } from './byte-text.ts';

const pieces = fc.array(
  fc.oneof(
    fc.string({ unit: 'grapheme', maxLength: 100 }),
    fc.maxSafeNat(),
    fc.bigInt(2n ** 53n, 2n ** 64n),
    fc.string().map((text) => Buffer.from(text)),
  ),
);

test('texts, integers and bytes follow each other', () => {
  fc.assert(
    fc.property(pieces, (list) => {
      const out = new ByteText();
      for (const piece of list) {
        if (typeof piece === 'string') out.text(piece);
        else if (Buffer.isBuffer(piece)) out.bytes(piece);
        else out.integer(piece);
      }
      assert.equal(out.toText(0), list.map(String).join(''));
    }),
  );
});

test('the buffer grows with what is written and keeps what was there', () => {
  const out = new ByteText();
  out.text('start');
  const large = 'é'.repeat(200_000);
  out.text(large);
  out.bytes(Buffer.alloc(300_000, 'x'));
  assert.equal(out.toText(0), `start${large}${'x'.repeat(300_000)}`);
});

test('a part can be repeated and the end be taken back', () => {
  const out = new ByteText();
  out.text('abcdef');
  out.repeat(1, 3);
  assert.equal(out.toText(0), 'abcdefbcd');
  out.truncate(2);
  out.text('z');
  assert.equal(out.view().toString(), 'abz');
});
