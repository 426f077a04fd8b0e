import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { systemRandomness } from '../base/clock.ts';
import { createSalt, deriveKey } from './key-derivation.ts';
import type { MasterKey } from './master-key.ts';
import { Sealer, sealOverhead } from './sealer.ts';

/** Made by `restic init` 0.19.1; the password protects nothing else. */
const password = 'correct horse battery staple';
const sealedConfig = readFileSync(new URL('./fixtures/restic-0.19.1.config', import.meta.url));
const keyFile = JSON.parse(readFileSync(new URL('./fixtures/restic-0.19.1.key.json', import.meta.url), 'utf8')) as {
  N: number;
  r: number;
  p: number;
  salt: string;
  data: string;
};

const cheapCost = { N: 16, r: 1, p: 1 };

function unsealJson(key: MasterKey, sealed: Buffer): unknown {
  const plain = Buffer.alloc(sealed.length - sealOverhead);
  new Sealer(key, systemRandomness).unseal(sealed, plain);
  return JSON.parse(plain.toString());
}

function keyFromJson(json: unknown): MasterKey {
  const { encrypt, mac } = json as { encrypt: string; mac: { k: string; r: string } };
  return { encrypt: Buffer.from(encrypt, 'base64'), macK: Buffer.from(mac.k, 'base64'), macR: Buffer.from(mac.r, 'base64') };
}

describe('deriveKey', () => {
  it('opens a key file of restic 0.19.1 with its password, and that key opens the config', async () => {
    const userKey = await deriveKey(password, Buffer.from(keyFile.salt, 'base64'), keyFile);
    const masterKey = keyFromJson(unsealJson(userKey, Buffer.from(keyFile.data, 'base64')));
    assert.deepEqual(unsealJson(masterKey, sealedConfig), {
      version: 2,
      id: '6e2bfaeb78b691ad2fb7317f95d592fc951d7dc35d22b2760931a628137e4841',
      chunker_polynomial: '34f69cd81ea2ad',
    });
  });

  it('does not open that key file with another password', async () => {
    const wrongKey = await deriveKey(`${password} `, Buffer.from(keyFile.salt, 'base64'), keyFile);
    assert.throws(() => unsealJson(wrongKey, Buffer.from(keyFile.data, 'base64')), { code: 'damaged' });
  });

  it('gives a text and its UTF-8 bytes the same key', async () => {
    const salt = createSalt(systemRandomness);
    const fromText = await deriveKey('pässwörd €', salt, cheapCost);
    assert.deepEqual(await deriveKey(Buffer.from('pässwörd €'), salt, cheapCost), fromText);
  });

  it('gives another key for another salt', async () => {
    const keys = await Promise.all([1, 2].map(() => deriveKey(password, createSalt(systemRandomness), cheapCost)));
    assert.notDeepEqual(keys[0], keys[1]);
  });

  it('reports costs that scrypt does not know as a damaged key file', async () => {
    for (const cost of [
      { N: 1000, r: 8, p: 1 },
      { N: 0, r: 8, p: 1 },
      { N: 16, r: 2 ** 30, p: 2 ** 30 },
      { N: -1, r: 1.5, p: Number.NaN },
    ]) {
      await assert.rejects(deriveKey(password, Buffer.alloc(64), cost), { code: 'damaged' });
    }
  });
});
