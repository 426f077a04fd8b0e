import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HoldfastError } from '../base/errors.ts';
import { owns } from './client.ts';
import { parseClients } from './clients-file.ts';

const hash = '$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc';

describe('the file of clients', () => {
  it('says for each client who it is and what it may', () => {
    const [alice, web] = parseClients(
      `# who may come\n[alice]\npassword = ${hash}\n\n[web-1]\r\ncertificate=web.example\r\nrights = write-only\nrepositories = /web/one  /shared\nquota = 2G\nquota-files = 100\ndeletion-delay = 30d\n`,
      'clients.conf',
    );
    assert.equal(alice?.rights, 'full');
    assert.deepEqual(alice?.repositories, [['alice']]);
    assert.deepEqual(alice?.quota, { bytes: undefined, files: undefined });
    assert.equal(alice?.password?.memoryKib, 65_536);
    assert.equal(web?.certificateName, 'web.example');
    assert.deepEqual(web?.repositories, [['web', 'one'], ['shared']]);
    assert.deepEqual([web?.rights, web?.quota.bytes, web?.quota.files], ['write-only', 2 * 2 ** 30, 100]);
    assert.equal(web?.deletionDelayMs, 30 * 86_400_000);
  });

  it('gives a client its folders and what is below, by whole names', () => {
    const [client] = parseClients(`[a]\npassword = ${hash}\nrepositories = /a /x/y\n`, 'f');
    const [all] = parseClients(`[a]\npassword = ${hash}\nrepositories = /\n`, 'f');
    assert.ok(client !== undefined && all !== undefined);
    for (const path of [['a'], ['a', 'b', 'c'], ['x', 'y']]) assert.equal(owns(client, path), true);
    for (const path of [[], ['ab'], ['x'], ['x', 'yy'], ['b', 'a']]) assert.equal(owns(client, path), false);
    assert.equal(owns(all, []), true);
  });

  it('is refused with the line of what is wrong, and never with a value that may be a secret', () => {
    const faults: Readonly<Record<string, [string, number]>> = {
      '': ['no client', 1],
      'password = secret': ['before the first client', 1],
      '[a]\nsecret': ['no setting', 2],
      '[a]\npasswort = secret': ['no setting', 2],
      '[a]\n\npassword = secret': ['password of a is not usable', 3],
      '[a b]': ['name of the client', 1],
      '[../x]': ['name of the client', 1],
      '[a]': ['neither a password nor a certificate', 1],
      [`[a]\npassword = ${hash}\npassword = ${hash}`]: ['there twice', 3],
      [`[a]\npassword = ${hash}\n[a]\npassword = ${hash}`]: ['a is there twice', 3],
      '[a]\ncertificate = x\n[b]\ncertificate = x': ["another client's", 3],
      [`[a]\npassword = ${hash}\nrights = all`]: ['rights', 3],
      [`[a]\npassword = ${hash}\nquota = many`]: ['quota', 3],
      [`[a]\npassword = ${hash}\nquota-files = -1`]: ['quota-files', 3],
      [`[a]\npassword = ${hash}\ndeletion-delay = 99999d`]: ['deletion-delay', 3],
      [`[a]\npassword = ${hash}\nrepositories = a`]: ['repositories', 3],
      [`[a]\npassword = ${hash}\nrepositories = /a/../b`]: ['repositories', 3],
      [`[a]\npassword = ${hash}\nrepositories =`]: ['repositories', 3],
    };
    for (const [text, [fact, line]] of Object.entries(faults)) {
      assert.throws(
        () => parseClients(text, 'clients.conf'),
        (error) => {
          assert.ok(error instanceof HoldfastError && error.code === 'usage', text);
          assert.ok(error.message.includes(`clients.conf, line ${line}: `) && error.message.includes(fact), `${text}: ${error.message}`);
          assert.doesNotMatch(`${error.message} ${error.hint}`, /secret|argon2/);
          return true;
        },
        text,
      );
    }
  });
});
