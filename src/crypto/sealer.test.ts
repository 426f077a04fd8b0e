import assert from 'node:assert/strict';
import { createCipheriv, createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { systemRandomness, type Randomness } from '../base/clock.ts';
import { processSymbols } from '../base/process-symbols.ts';
import type { CipherSuite } from './cipher-suite.ts';
import { createCipherSuite } from './create-cipher-suite.ts';
import { createMasterKey, splitMasterKey, type MasterKey } from './master-key.ts';
import { createNodeCipherSuite } from './node-cipher-suite.ts';
import { createOpensslCipherSuite } from './openssl.ts';
import { Sealer, sealOverhead } from './sealer.ts';

/** SHA-256 in counter mode: every run of a test draws the same nonces. */
function countingRandomness(): Randomness {
  let counter = 0;
  return {
    fill: (target) => {
      for (let i = 0; i < target.length; i += 32) {
        const block = createHash('sha256').update(String(counter++)).digest();
        target.set(block.subarray(0, target.length - i), i);
      }
    },
  };
}

function openssl(key: MasterKey): CipherSuite {
  const symbols = processSymbols();
  const suite = symbols && createOpensslCipherSuite(symbols, key);
  assert.ok(suite, 'the node that runs the tests exports its OpenSSL');
  return suite;
}

const fixedKey = splitMasterKey(Buffer.from(Array.from({ length: 64 }, (_, i) => (i * 37 + 5) & 0xff)));
const suites = { openssl, 'node:crypto': createNodeCipherSuite };

function isDamaged(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'damaged';
}

function sealOnce(sealer: Sealer, plain: Uint8Array): Buffer {
  const target = Buffer.alloc(plain.length + sealOverhead);
  assert.equal(sealer.seal(plain, target), target.length);
  return target;
}

function unsealOnce(sealer: Sealer, sealed: Uint8Array): Buffer {
  const target = Buffer.alloc(Math.max(0, sealed.length - sealOverhead));
  assert.equal(sealer.unseal(sealed, target), target.length);
  return target;
}

for (const [name, createSuite] of Object.entries(suites)) {
  const newSealer = (key = fixedKey): Sealer => new Sealer(key, countingRandomness(), createSuite(key));

  describe(`a Sealer on ${name}`, () => {
    it('opens what it sealed, whatever the content', () => {
      const sealer = newSealer();
      const content = fc.oneof(fc.uint8Array({ maxLength: 200 }), fc.uint8Array({ minLength: 65_000, maxLength: 66_000, size: 'max' }));
      fc.assert(
        fc.property(content, (plain) => {
          assert.deepEqual(unsealOnce(sealer, sealOnce(sealer, plain)), Buffer.from(plain));
        }),
        { numRuns: 60 },
      );
    });

    it('encrypts with plain AES-256-CTR from its nonce', () => {
      const plain = Buffer.alloc(300_001, 'holdfast');
      const sealed = sealOnce(newSealer(), plain);
      const expected = createCipheriv('aes-256-ctr', fixedKey.encrypt, sealed.subarray(0, 16)).update(plain);
      assert.ok(expected.equals(sealed.subarray(16, -16)));
    });

    it('takes and gives views over shared memory and over WASM memory', () => {
      const sealer = newSealer();
      const memory = new WebAssembly.Memory({ initial: 64 });
      for (const buffer of [new SharedArrayBuffer(1 << 22), memory.buffer]) {
        const plain = new Uint8Array(buffer, 3, 1_000_003).fill(17);
        const sealed = new Uint8Array(buffer, 1_100_001, plain.length + sealOverhead);
        const opened = new Uint8Array(buffer, 2_200_005, plain.length);
        sealer.seal(plain, sealed);
        sealer.unseal(sealed, opened);
        assert.ok(Buffer.from(opened).equals(Buffer.from(plain)));
      }
    });

    it('finds a message damaged when any one bit of it is flipped', () => {
      const sealer = newSealer();
      const sealed = sealOnce(sealer, Buffer.from('a small message of 33 bytes, odd.'));
      for (let bit = 0; bit < sealed.length * 8; bit++) {
        const tampered = Buffer.from(sealed);
        tampered[bit >> 3] = (tampered[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        assert.throws(() => unsealOnce(sealer, tampered), isDamaged, `bit ${bit}`);
      }
    });

    it('finds a message damaged when bytes are cut off or added at its end', () => {
      const sealer = newSealer();
      const sealed = sealOnce(sealer, Buffer.from('hello'));
      for (let length = 0; length < sealed.length; length++) {
        assert.throws(() => unsealOnce(sealer, sealed.subarray(0, length)), isDamaged, `length ${length}`);
      }
      assert.throws(() => unsealOnce(sealer, Buffer.concat([sealed, Buffer.alloc(1)])), isDamaged);
    });

    it('leaves the target alone when the MAC is wrong', () => {
      const sealer = newSealer();
      const sealed = sealOnce(sealer, Buffer.alloc(100, 1));
      sealed[50] = (sealed[50] ?? 0) ^ 1;
      const target = Buffer.alloc(100, 0xee);
      assert.throws(() => sealer.unseal(sealed, target), isDamaged);
      assert.deepEqual(target, Buffer.alloc(100, 0xee));
    });

    it('does not open what another key sealed', () => {
      const sealed = sealOnce(newSealer(createMasterKey(systemRandomness)), Buffer.from('secret'));
      assert.throws(() => unsealOnce(newSealer(), sealed), isDamaged);
    });

    it('refuses a target that is too small before it writes anything', () => {
      const sealer = newSealer();
      const tooSmall = Buffer.alloc(100 + sealOverhead - 1);
      assert.throws(() => sealer.seal(Buffer.alloc(100, 1), tooSmall), /too small/);
      assert.ok(tooSmall.every((byte) => byte === 0));
      assert.throws(() => sealer.unseal(sealOnce(sealer, Buffer.alloc(100)), Buffer.alloc(99)), /too small/);
    });

    it('writes nothing behind the sealed bytes or the plaintext', () => {
      const sealer = newSealer();
      const target = Buffer.alloc(200, 0xee);
      const length = sealer.seal(Buffer.alloc(50, 1), target);
      assert.ok(target.subarray(length).every((byte) => byte === 0xee));
      const opened = Buffer.alloc(60, 0xee);
      sealer.unseal(target.subarray(0, length), opened);
      assert.deepEqual(opened.subarray(50), Buffer.alloc(10, 0xee));
    });

    it('never uses a nonce twice over several batches of nonces', () => {
      const sealer = newSealer();
      const nonces = new Set<string>();
      for (let i = 0; i < 1500; i++) nonces.add(sealOnce(sealer, Buffer.alloc(1)).toString('hex', 0, 16));
      assert.equal(nonces.size, 1500);
    });

    it('keeps sealing right when calls to unseal come in between', () => {
      const sealer = newSealer();
      const first = sealOnce(sealer, Buffer.from('first'));
      const second = sealOnce(sealer, Buffer.from('second'));
      assert.equal(unsealOnce(sealer, first).toString(), 'first');
      const third = sealOnce(sealer, Buffer.from('third'));
      assert.deepEqual(
        [second, third].map((sealed) => unsealOnce(sealer, sealed).toString()),
        ['second', 'third'],
      );
    });

    it('stops when the source of randomness gives zeros', () => {
      const sealer = new Sealer(fixedKey, { fill: (target) => target.fill(0) }, createSuite(fixedKey));
      assert.throws(() => sealer.seal(Buffer.from('x'), Buffer.alloc(100)), /nonce of zeros/);
    });
  });

  describe(`Poly1305-AES on ${name}`, () => {
    // D. J. Bernstein, "The Poly1305-AES message-authentication code", appendix B.
    const vectors = [
      {
        message: 'f3f6',
        r: '851fc40c3467ac0be05cc20404f3f700',
        k: 'ec074c835580741701425b623235add6',
        nonce: 'fb447350c4e868c52ac3275cf9d4327e',
        mac: 'f4c633c3044fc145f84f335cb81953de',
      },
      {
        message: '',
        r: 'a0f3080000f46400d0c7e9076c834403',
        k: '75deaa25c09f208e1dc4ce6b5cad3fbf',
        nonce: '61ee09218d29b0aaed7e154a2c5509cc',
        mac: 'dd3fab2251f11ac759f0887129cc2ee7',
      },
      {
        message: '663cea190ffb83d89593f3f476b6bc24d7e679107ea26adb8caf6652d0656136',
        r: '48443d0bb0d21109c89a100b5ce2c208',
        k: '6acb5f61a7176dd320c5c1eb2edcdc74',
        nonce: 'ae212a55399729595dea458bc621ff0e',
        mac: '0ee1c16bb73f0f4fd19881753c01cdbe',
      },
    ];

    it('gives the MACs of its paper', () => {
      for (const { message, r, k, nonce, mac } of vectors) {
        const suite = createSuite({ ...fixedKey, macK: Buffer.from(k, 'hex') });
        const pad = Buffer.alloc(16);
        suite.encryptBlocks(Buffer.from(nonce, 'hex'), pad);
        const result = Buffer.alloc(16);
        suite.authenticate(Buffer.concat([Buffer.from(r, 'hex'), pad]), Buffer.from(message, 'hex'), result);
        assert.equal(result.toString('hex'), mac);
      }
    });
  });
}

describe('the two cipher suites', () => {
  it('seal to the same bytes from the same nonces', () => {
    const sealers = Object.values(suites).map((create) => new Sealer(fixedKey, countingRandomness(), create(fixedKey)));
    for (const length of [0, 1, 15, 16, 17, 65_535, 65_536, 65_537, 1_000_000]) {
      const [first, second] = sealers.map((sealer) => sealOnce(sealer, Buffer.alloc(length, length & 0xff)));
      assert.ok(first && second?.equals(first), `length ${length}`);
    }
  });
});

describe('a Sealer', () => {
  it('takes the OpenSSL suite unasked where the process exports it', () => {
    assert.equal(createCipherSuite(fixedKey).constructor, openssl(fixedKey).constructor);
    const sealer = new Sealer(fixedKey, systemRandomness);
    assert.equal(unsealOnce(sealer, sealOnce(sealer, Buffer.from('text'))).toString(), 'text');
  });

  it('refuses a key of which a part is all zeros', () => {
    for (const part of ['encrypt', 'macK', 'macR'] as const) {
      const key = { ...fixedKey, [part]: Buffer.alloc(fixedKey[part].length) };
      assert.throws(() => new Sealer(key, countingRandomness()), isDamaged);
    }
  });
});
