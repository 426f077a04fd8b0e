import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { encodeBytes, encodeString } from './go-json.ts';

test('every code point is written as Go 1.26 writes it', () => {
  // SHA-256 over json.Marshal of each code point but surrogates, each with a newline.
  const texts = createHash('sha256');
  const bytes = createHash('sha256');
  for (let codePoint = 0; codePoint <= 0x10ffff; codePoint++) {
    if (codePoint >= 0xd800 && codePoint <= 0xdfff) continue;
    const text = String.fromCodePoint(codePoint);
    texts.update(`${encodeString(text)}\n`);
    bytes.update(`${encodeBytes(Buffer.from(text))}\n`);
  }
  assert.equal(texts.digest('hex'), '8cc3f3082efcb813aef0c6ff4a7876a16da11eca2687ff36b185cee6c22b719a');
  assert.equal(bytes.digest('hex'), '8cc3f3082efcb813aef0c6ff4a7876a16da11eca2687ff36b185cee6c22b719a');
});

test('every pair of bytes before two continuation bytes is written as Go writes it', () => {
  const digest = createHash('sha256');
  for (let pair = 0; pair < 0x10000; pair++) digest.update(`${encodeBytes(Buffer.of(pair >> 8, pair & 255, 0x80, 0xbf, 0x78))}\n`);
  assert.equal(digest.digest('hex'), '51c0364ba2cc303b59a30e663f3c94cb5955b975a8eec1e206b77ddcee59d82c');
});

test('what is harmful in HTML or JavaScript is escaped', () => {
  assert.equal(encodeString('<a href="x">&\u2028\u2029\x7f/'), '"\\u003ca href=\\"x\\"\\u003e\\u0026\\u2028\\u2029\x7f/"');
});

test('bytes that are no text become six characters each', () => {
  assert.equal(encodeBytes(Buffer.of(0x3c, 0xff, 0xfe, 0x61, 0xe2, 0x80)), '"\\u003c\\ufffd\\ufffda\\ufffd\\ufffd"');
});

test('JSON.parse gives the text back, with U+FFFD for lone surrogates', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => assert.equal(JSON.parse(encodeString(text)), text.toWellFormed())));
  assert.equal(encodeString('a\ud800b'), '"a\ufffdb"');
});

test('text is written the same way from a string and from its bytes', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => assert.equal(encodeBytes(Buffer.from(text)), encodeString(text))));
});
