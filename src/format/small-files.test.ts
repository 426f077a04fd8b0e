import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { HoldfastError } from '../base/errors.ts';
import { decodeConfig, encodeConfig } from './config.ts';
import { decodeKeyFile, decodeMasterKey, encodeKeyFile, encodeMasterKey } from './key-file.ts';
import { decodeLock, encodeLock, type LockFile } from './lock-file.ts';
import { classifyUnpacked } from './unpacked.ts';

const failsWith =
  (code: string) =>
  (error: unknown): boolean =>
    error instanceof HoldfastError && error.code === code;
const fixture = (name: string): Buffer => readFileSync(new URL(`fixtures/${name}`, import.meta.url));

test('a config of restic comes out of decoding and encoding unchanged', () => {
  const config = decodeConfig(fixture('config.json'));
  assert.equal(config.version, 2);
  assert.equal(encodeConfig(config).toString(), fixture('config.json').toString());
});

test('a config of a version that is not known is unsupported, anything else wrong with it is damaged', () => {
  const text = fixture('config.json').toString();
  const decode = (from: string | RegExp, to: string): unknown => decodeConfig(Buffer.from(text.replace(from, to)));
  assert.throws(() => decode('"version":2', '"version":3'), failsWith('repository-unsupported'));
  for (const version of ['0', '-1', '"2"', '2.5', 'null'])
    assert.throws(() => decode('"version":2', `"version":${version}`), failsWith('damaged'));
  assert.throws(() => decode(/"id":"../, '"id":"'), failsWith('damaged'));
  assert.throws(() => decode(/"chunker_polynomial":"[^"]+"/, '"chunker_polynomial":"xyz"'), failsWith('damaged'));
});

test('a key file of restic comes out of decoding and encoding unchanged', () => {
  assert.equal(encodeKeyFile(decodeKeyFile(fixture('key.json'))).toString(), fixture('key.json').toString());
});

test('a key file that asks scrypt for too much is refused before anything is derived', () => {
  const text = fixture('key.json').toString();
  const decode = (from: string, to: string): unknown => decodeKeyFile(Buffer.from(text.replace(from, to)));
  for (const N of [2 ** 21, 2 ** 31]) assert.throws(() => decode('"N":32768', `"N":${N}`), failsWith('repository-unsupported'));
  assert.throws(() => decode('"p":4', '"p":65'), failsWith('repository-unsupported'));
  assert.throws(() => decode('"r":8', '"r":4294967295'), failsWith('repository-unsupported'));
  assert.throws(() => decode('"N":32768,"r":8,"p":4', '"N":1048576,"r":8,"p":64'), failsWith('repository-unsupported'));
  assert.throws(() => decode('"kdf":"scrypt"', '"kdf":"argon2id"'), failsWith('repository-unsupported'));
  for (const N of [0, 1, 3, 32769]) assert.throws(() => decode('"N":32768', `"N":${N}`), failsWith('damaged'));
  assert.throws(() => decode('"r":8', '"r":0'), failsWith('damaged'));
  assert.throws(() => decode('"salt":"', '"salt":"AAAA'), failsWith('damaged'));
  assert.throws(() => decode('"data":"', '"data":"!'), failsWith('damaged'));
  assert.throws(() => decodeKeyFile(Buffer.alloc(1_000_000, ' ')), failsWith('damaged'));
});

const key = { encrypt: Buffer.alloc(32, 1), macK: Buffer.alloc(16, 2), macR: Buffer.alloc(16, 3) };

test('a master key has the JSON that restic seals', () => {
  const mac = `{"k":"${key.macK.toString('base64')}","r":"${key.macR.toString('base64')}"}`;
  assert.equal(encodeMasterKey(key).toString(), `{"mac":${mac},"encrypt":"${key.encrypt.toString('base64')}"}`);
  assert.deepEqual(decodeMasterKey(encodeMasterKey(key)), key);
});

test('errors about a master key tell nothing of it', () => {
  const secret = key.encrypt.toString('base64');
  for (const text of [`{"encrypt":"${secret}`, `{"mac":{"k":"${secret}","r":""},"encrypt":"${secret}"}`, `"${secret}"`]) {
    assert.throws(
      () => decodeMasterKey(Buffer.from(text)),
      (error) =>
        failsWith('damaged')(error) && error instanceof HoldfastError && error.cause === undefined && !`${error.stack}`.includes(secret),
    );
  }
});

const locks: fc.Arbitrary<LockFile> = fc.record(
  {
    timeNs: fc.bigInt(0n, 4_000_000_000n * 1_000_000_000n),
    isExclusive: fc.boolean(),
    hostname: fc.string({ unit: 'grapheme' }),
    username: fc.string({ unit: 'grapheme' }),
    pid: fc.nat(),
    uid: fc.nat(),
    gid: fc.nat(),
  },
  { noNullPrototype: true },
);

test('a lock that was written is read back', () => {
  fc.assert(fc.property(locks, (lock) => assert.deepEqual(decodeLock(encodeLock(lock)), lock)));
});

test('a lock from the format document is read', () => {
  const json =
    '{"time":"2015-06-27T12:18:51.759239612+02:00","exclusive":false,"hostname":"kasimir","username":"fd0","pid":13607,"uid":1000,"gid":100}';
  const lock = decodeLock(Buffer.from(json));
  assert.deepEqual(lock, {
    timeNs: 1_435_400_331_759_239_612n,
    isExclusive: false,
    hostname: 'kasimir',
    username: 'fd0',
    pid: 13607,
    uid: 1000,
    gid: 100,
  });
});

test('the fields of a lock are in the order of restic, user and group 0 left out', () => {
  const text = encodeLock({ timeNs: 0n, isExclusive: true, hostname: 'h', username: 'root', pid: 1, uid: 0, gid: 0 }).toString();
  assert.match(text, /^\{"time":"[^"]+","exclusive":true,"hostname":"h","username":"root","pid":1\}$/);
});

test('a lock without time is damaged', () => {
  assert.throws(() => decodeLock(Buffer.from('{"exclusive":true}')), failsWith('damaged'));
});

test('the first byte of an unpacked file tells its encoding', () => {
  assert.equal(classifyUnpacked(Buffer.from('{}')), 'plain');
  assert.equal(classifyUnpacked(Buffer.from('[]')), 'plain');
  assert.equal(classifyUnpacked(Buffer.of(2, 0x28)), 'zstd');
  assert.throws(() => classifyUnpacked(Buffer.of(1)), failsWith('repository-unsupported'));
  assert.throws(() => classifyUnpacked(Buffer.alloc(0)), failsWith('damaged'));
});
