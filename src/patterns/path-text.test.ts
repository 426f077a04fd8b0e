import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { childPath, cleanPath, decodeRune, isInvalid, pathBytes, pathText, readableText } from './path-text.ts';

it('keeps any bytes, in the order that restic sorts names by', () => {
  fc.assert(
    fc.property(fc.uint8Array(), fc.uint8Array(), (one, other) => {
      assert.deepEqual(pathBytes(pathText(one)), Buffer.from(one));
      const order = Buffer.compare(one, other);
      assert.equal(Math.sign(order), pathText(one) < pathText(other) ? -1 : pathText(one) > pathText(other) ? 1 : 0);
    }),
  );
});

it('takes text as UTF-8', () => {
  assert.deepEqual(pathBytes(pathText('/grüße/日')), Buffer.from('/grüße/日'));
});

it('writes bytes so that people can read them and nothing is lost', () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      assert.deepEqual(pathBytes(pathText(readableText(bytes))), Buffer.from(bytes));
    }),
  );
  assert.equal(readableText(Buffer.from('é\uFFFD日😀')), 'é\uFFFD日😀');
  assert.equal(readableText(Buffer.from([0x61, 0xff, 0xc3])), 'a\udcff\udcc3');
  // A surrogate encoded by itself is no UTF-8.
  assert.equal(readableText(Buffer.from([0xed, 0xb3, 0xbf])), '\udced\udcb3\udcbf');
});

it('decodes what UTF-8 allows and nothing else', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 5 }), (bytes) => {
      const path = pathText(bytes);
      const rune = decodeRune(path, 0);
      const taken = Buffer.from(bytes.subarray(0, rune.width));
      if (isInvalid(rune)) {
        for (let width = 1; width <= bytes.length; width += 1) assert.notEqual(codePoints(Buffer.from(bytes.subarray(0, width))), 1);
      } else {
        assert.equal(taken.toString('utf8'), String.fromCodePoint(rune.point));
      }
    }),
    { numRuns: 5000 },
  );
});

/** How many characters the bytes are, when they are UTF-8. */
function codePoints(bytes: Buffer): number | undefined {
  try {
    return Array.from(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)).length;
  } catch {
    return undefined;
  }
}

it('cleans paths as Go does', () => {
  const cases = {
    '': '.',
    '/': '/',
    '//': '/',
    a: 'a',
    'a/': 'a',
    './a': 'a',
    'a/..': '.',
    'a/../..': '..',
    '/..': '/',
    '/../a': '/a',
    'a//b/./c/': 'a/b/c',
    '../../x/': '../../x',
    './': '.',
  };
  for (const [path, clean] of Object.entries(cases)) assert.equal(cleanPath(pathText(path)), clean, path);
});

it('joins a directory and a name', () => {
  assert.equal(childPath(pathText('/'), pathText('etc')), '/etc');
  assert.equal(childPath(pathText('/etc'), pathText('passwd')), '/etc/passwd');
});
