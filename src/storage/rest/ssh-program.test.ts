import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseSshAddress, sshProgram } from './ssh-program.ts';

describe('parseSshAddress', () => {
  it('reads users, hosts, ports and paths', () => {
    const known = {
      'backup@host': ['backup', 'host', undefined, '/', false],
      host: [undefined, 'host', undefined, '/', false],
      'u@host:2222/a/b': ['u', 'host', '2222', '/a/b/', false],
      'u@host//srv/a b': ['u', 'host', undefined, '/srv/a%20b/', true],
      '//u@host:22//srv': ['u', 'host', '22', '/srv/', true],
      'u@[::1]:22/x': ['u', '::1', '22', '/x/', false],
    };
    for (const [text, [user, host, port, path, isAbsolute]] of Object.entries(known)) {
      const address = parseSshAddress(text);
      assert.deepEqual(
        [address.user, address.host, address.port, address.path, address.isAbsolute],
        [user, host, port, path, isAbsolute],
        text,
      );
    }
  });

  it('refuses what ssh would take for an option, and what is no address', () => {
    for (const text of [
      '',
      '@host',
      'u@',
      '-oProxyCommand=x',
      '-l@host',
      'u@-x',
      'u@host:x',
      'u:secret@host',
      'u@host/../x',
      'u@ho st',
      'host:22:22',
    ]) {
      assert.throws(() => parseSshAddress(text), { code: 'usage' }, text);
    }
  });
});

describe('sshProgram', () => {
  it('names the host behind all options, and starts what is told on the other side', () => {
    const address = parseSshAddress('u@host:22//srv');
    const { args } = sshProgram(address, { extraArgs: ['-i', 'key'] });
    assert.deepEqual(args.slice(-9), ['-p', '22', '-l', 'u', '-i', 'key', '--', 'host', 'holdfast serve --stdio --path /']);
    assert.equal(sshProgram(parseSshAddress('host'), {}).args.at(-1), 'holdfast serve --stdio');
    assert.equal(sshProgram(address, { remoteCommand: 'x y' }).args.at(-1), 'x y');
  });
});
