import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HoldfastError } from '../../base/errors.ts';
import { parseSftpAddress } from './sftp-address.ts';

describe('parseSftpAddress', () => {
  it('reads both of restic’s ways', () => {
    const addresses: Record<string, [string | undefined, string, number | undefined, string]> = {
      'user@host:/srv/repo': ['user', 'host', undefined, '/srv/repo'],
      'user@host:repo/': ['user', 'host', undefined, 'repo'],
      'host:': [undefined, 'host', undefined, '.'],
      'user@domain@host:dir/../other': ['user@domain', 'host', undefined, 'other'],
      '[fe80::1]:/srv': [undefined, 'fe80::1', undefined, '/srv'],
      'me@[::1]:a:b@c': ['me', '::1', undefined, 'a:b@c'],
      '//user@host:2222/relative': ['user', 'host', 2222, 'relative'],
      '//user@host:2222//srv/re%20po': ['user', 'host', 2222, '/srv/re po'],
      '//host/': [undefined, 'host', undefined, '.'],
      '//user%40domain@[::1]:22//srv': ['user@domain', '::1', 22, '/srv'],
    };
    for (const [text, [user, host, port, path]] of Object.entries(addresses)) {
      const { printable: _, ...found } = parseSftpAddress(text);
      assert.deepEqual(found, { user, host, port, path }, text);
    }
  });

  it('prints what can be given again', () => {
    for (const text of ['user@host:/srv/repo', 'host:repo', '//user@host:2222//srv', 'me@[::1]:x']) {
      assert.equal(parseSftpAddress(text).printable, `sftp:${text}`);
    }
  });

  it('refuses what is no address, or part of a command, and repeats none of it', () => {
    const refused = [
      '',
      'host',
      '//host',
      ':path',
      '//:22/x',
      '-oProxyCommand=secret:/x',
      '-l@host:/x',
      'a$(secret)@h:/p',
      'u@h;secret:/p',
    ];
    refused.push(
      'u:secret@h:/p',
      '//u:secret@h/p',
      '//h:0/p',
      '//h:65536/p',
      '//h:abc/p',
      '//h/p?secret',
      '//h/%zz',
      'h:~/secret',
      'u@h secret:/p',
    );
    for (const text of refused) {
      assert.throws(
        () => parseSftpAddress(text),
        (error) => {
          assert.ok(error instanceof HoldfastError, text);
          assert.equal(error.code, 'usage');
          assert.doesNotMatch(JSON.stringify([error.message, error.hint, error.context]), /secret/);
          return true;
        },
        text,
      );
    }
  });
});
