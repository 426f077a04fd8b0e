import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hashPassword, isPassword, nobodysHash, parsePasswordHash } from './password-hash.ts';

describe('hashes of passwords', () => {
  it('open with their password alone, and differ each time', async () => {
    const text = await hashPassword('correct horse');
    assert.match(text, /^\$argon2id\$v=19\$m=65536,t=3,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
    const hash = parsePasswordHash(text);
    assert.ok(hash !== undefined);
    assert.equal(await isPassword('correct horse', hash), true);
    for (const other of ['', 'correct hors', 'correct horse ', 'Correct horse']) assert.equal(await isPassword(other, hash), false);
    assert.notEqual(await hashPassword('correct horse'), text);
    assert.equal(await isPassword('', nobodysHash()), false);
  });

  it('may come from other programs', async () => {
    // From the tests of the reference program, src/test.c: hashtest(2, 16, 1, "password", "somesalt", ...).
    const hash = parsePasswordHash('$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc');
    assert.ok(hash !== undefined);
    assert.equal(await isPassword('password', hash), true);
    assert.equal(await isPassword('differentpassword', hash), false);
  });

  it('of other kinds, or beyond all measure, are none', () => {
    for (const text of [
      '',
      'password',
      '$2y$10$abcdefghijklmnopqrstuv',
      '$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc',
      '$argon2id$v=16$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc',
      '$argon2id$v=19$m=9999999,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc',
      '$argon2id$v=19$m=65536,t=0,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc',
      '$argon2id$v=19$m=65536,t=99,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc',
      '$argon2id$v=19$m=7,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc',
      '$argon2id$v=19$m=65536,t=2,p=1$$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc',
    ]) {
      assert.equal(parsePasswordHash(text), undefined, text);
    }
  });
});
