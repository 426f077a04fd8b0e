import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { addHostKey, fingerprint, judgeHostKey, KnownHosts } from './known-hosts.ts';

/** A key of a type, with bytes that depend on the number alone. */
function keyOf(type: string, n: number): Buffer {
  const name = Buffer.from(type);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(name.length);
  return Buffer.concat([length, name, Buffer.alloc(40, n)]);
}

const ed25519 = keyOf('ssh-ed25519', 1);
const another = keyOf('ssh-ed25519', 2);
const rsa = keyOf('ssh-rsa', 3);

function line(names: string, key: Buffer, marker = ''): string {
  const type = key.toString('latin1', 4, 4 + key.readUInt32BE(0));
  return `${marker === '' ? '' : `${marker} `}${names} ${type} ${key.toString('base64')} a comment\n`;
}

function hashed(name: string): string {
  const salt = Buffer.alloc(20, 7);
  return `|1|${salt.toString('base64')}|${createHmac('sha1', salt).update(name).digest('base64')}`;
}

describe('known_hosts', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-known-'));
  });
  after(async () => await rm(folder, { recursive: true, force: true }));

  async function verdict(text: string, host: string, port: number, key: Buffer): Promise<string> {
    const path = join(folder, 'known_hosts');
    await writeFile(path, text);
    const known = await KnownHosts.read([path, join(folder, 'nothing')]);
    return judgeHostKey(known.entriesOf(host, port), key).kind;
  }

  it('knows a host by its name, a pattern, a hash or a port', async () => {
    assert.equal(await verdict(line('host,10.0.0.1', ed25519), 'HOST', 22, ed25519), 'known');
    assert.equal(await verdict(line('host,10.0.0.1', ed25519), '10.0.0.1', 22, ed25519), 'known');
    assert.equal(await verdict(line('*.example.org,!bad.example.org', ed25519), 'good.example.org', 22, ed25519), 'known');
    assert.equal(await verdict(line('*.example.org,!bad.example.org', ed25519), 'bad.example.org', 22, ed25519), 'unknown');
    assert.equal(await verdict(line(hashed('host'), ed25519), 'host', 22, ed25519), 'known');
    assert.equal(await verdict(line(hashed('[host]:2222'), ed25519), 'host', 2222, ed25519), 'known');
    assert.equal(await verdict(line('[host]:2222', ed25519), 'host', 2222, ed25519), 'known');
    assert.equal(await verdict(line('[host]:2222', ed25519), 'host', 22, ed25519), 'unknown');
    assert.equal(await verdict(line('host', ed25519), 'host', 2222, ed25519), 'known');
    assert.equal(await verdict(line('host', ed25519) + line('[host]:2222', another), 'host', 2222, ed25519), 'changed');
    assert.equal(await verdict(line('hosts', ed25519), 'host', 22, ed25519), 'unknown');
  });

  it('takes one of several keys, and another key or type for a change', async () => {
    assert.equal(await verdict(line('host', rsa) + line('host', ed25519), 'host', 22, ed25519), 'known');
    assert.equal(await verdict(line('host', another), 'host', 22, ed25519), 'changed');
    assert.equal(await verdict(line('host', rsa), 'host', 22, ed25519), 'changed');
  });

  it('refuses revoked keys whatever else is known, and hosts that only an authority vouches for', async () => {
    const revoked = line('*', ed25519, '@revoked') + line('host', ed25519);
    assert.equal(await verdict(revoked, 'host', 22, ed25519), 'revoked');
    assert.equal(await verdict(revoked, 'host', 2222, ed25519), 'revoked');
    assert.equal(await verdict(line('host', another, '@cert-authority'), 'host', 22, ed25519), 'authority');
    assert.equal(await verdict(line('host', another, '@cert-authority') + line('host', ed25519), 'host', 22, ed25519), 'known');
    await assert.rejects(verdict('@revoked host ssh-ed25519 AAAA', 'host', 22, ed25519), /cannot be read/);
  });

  it('passes over what it does not understand', async () => {
    const odd = `\n# a comment\nhost\nhost ssh-ed25519\nhost ssh-ed25519 !!!!\n@odd ${line('host', another)}host 1024 35 1234\r\n|1|x|y ssh-ed25519 AA\n`;
    assert.equal(await verdict(odd, 'host', 22, ed25519), 'unknown');
    assert.equal(await verdict(odd + line('host', ed25519), 'host', 22, ed25519), 'known');
  });

  it('a key that was added is known, also behind a line without an end, and is for the user alone', async () => {
    for (const isHashed of [false, true]) {
      const path = join(folder, `new-${isHashed}`, '.ssh', 'known_hosts');
      await addHostKey(path, 'Other', 22, another, isHashed);
      await writeFile(path, (await readFile(path, 'utf8')).trimEnd());
      await addHostKey(path, 'host', 2222, ed25519, isHashed);
      const known = await KnownHosts.read([path]);
      assert.equal(judgeHostKey(known.entriesOf('host', 2222), ed25519).kind, 'known');
      assert.equal(judgeHostKey(known.entriesOf('other', 22), another).kind, 'known');
      assert.equal((await readFile(path, 'utf8')).includes('host'), !isHashed);
      assert.equal((await stat(path)).mode & 0o077, 0);
    }
  });

  it('fingerprints are those of ssh-keygen', () => {
    const key = Buffer.from('AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl', 'base64');
    assert.equal(fingerprint(key), 'SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU');
  });
});
