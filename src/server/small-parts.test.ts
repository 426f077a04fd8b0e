import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { describeAddress, isNearby, parseListenAddress } from './listen-address.ts';
import { parseAddress } from './request-address.ts';
import { parseRange } from './send-file.ts';

const id = 'a'.repeat(64);

describe('parseListenAddress', () => {
  it('reads hosts, ports and sockets, and tells which ones other machines can reach', () => {
    const known: Readonly<Record<string, [string, boolean]>> = {
      '127.0.0.1:8000': ['http://127.0.0.1:8000', true],
      'localhost:0': ['http://localhost:0', true],
      '[::1]:8000': ['http://[::1]:8000', true],
      'unix:/run/x.sock': ['unix:/run/x.sock', true],
      ':8000': ['http://*:8000', false],
      '0.0.0.0:8000': ['http://0.0.0.0:8000', false],
      '[::]:8000': ['http://[::]:8000', false],
      'backup.example.org:443': ['http://backup.example.org:443', false],
      '127.evil.example:80': ['http://127.evil.example:80', false],
    };
    for (const [text, [described, nearby]] of Object.entries(known)) {
      const address = parseListenAddress(text);
      assert.equal(describeAddress(address, false), described);
      assert.equal(isNearby(address), nearby, text);
    }
    for (const text of ['', '8000', 'host', 'host:99999', '::1:8000', '[x]:1', 'unix:', 'http://h:1']) {
      assert.throws(() => parseListenAddress(text), { code: 'usage' }, text);
    }
  });
});

describe('parseAddress', () => {
  it('tells repositories, kinds and files apart', () => {
    const file = { repository: ['a', 'b'], kind: 'pack', name: id };
    assert.deepEqual(parseAddress('GET', `/a/b/data/${id}`), { ...file, action: 'load' });
    assert.deepEqual(parseAddress('HEAD', `/a/b/data/${id}?x=1`), { ...file, action: 'stat' });
    assert.deepEqual(parseAddress('GET', '/locks/'), { repository: [], kind: 'lock', name: '', action: 'list' });
    assert.deepEqual(parseAddress('POST', '/a%20b/?create=true'), { repository: ['a b'], kind: undefined, name: '', action: 'create' });
    assert.deepEqual(parseAddress('DELETE', '/data/x/config'), { repository: ['data', 'x'], kind: 'config', name: '', action: 'remove' });
    for (const [method, url, status] of [
      ['PUT', '/config', 405],
      ['POST', '/a/', 405],
      ['POST', '/a/data/', 405],
      ['DELETE', '/a/', 405],
      ['GET', '/a/', 404],
      ['GET', '/a/data', 404],
      ['POST', '/a/data/?create=true', 405],
    ] as const) {
      assert.throws(() => parseAddress(method, url), { status }, `${method} ${url}`);
    }
  });
});

describe('parseRange', () => {
  it('reads the one range that was asked for, and passes over what it need not understand', () => {
    assert.deepEqual(parseRange('bytes=2-5', 10), { first: 2, last: 5 });
    assert.deepEqual(parseRange('bytes=2-', 10), { first: 2, last: 9 });
    assert.deepEqual(parseRange('bytes=-3', 10), { first: 7, last: 9 });
    assert.deepEqual(parseRange('bytes=-30', 10), { first: 0, last: 9 });
    assert.deepEqual(parseRange('bytes=8-99', 10), { first: 8, last: 9 });
    for (const text of ['bytes=10-', 'bytes=10-12', 'bytes=-0']) assert.equal(parseRange(text, 10), 'impossible', text);
    assert.equal(parseRange('bytes=0-', 0), 'impossible');
    for (const text of [
      undefined,
      '',
      'bytes=',
      'bytes=-',
      'bytes=1-2,4-5',
      'bytes=5-2',
      'items=1-2',
      'bytes=0x1-2',
      `bytes=${'9'.repeat(30)}-`,
    ]) {
      assert.equal(parseRange(text, 10), undefined, text);
    }
  });
});
