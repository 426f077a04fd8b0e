import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { memoryRepository, quickScrypt, testPassword } from '../../test/support/new-repository.ts';
import { HoldfastError } from '../base/errors.ts';
import type { MemoryBackend } from '../storage/memory/memory-backend.ts';
import { FaultyBackend } from '../storage/wrappers/faulty-backend.ts';
import { changePassword } from './keys.ts';
import { openRepository } from './open-repository.ts';
import type { Repository } from './repository.ts';

describe('keys of a repository', () => {
  let backend: MemoryBackend;
  let repository: Repository;
  beforeEach(async () => {
    ({ backend, repository } = await memoryRepository());
  });
  const added = { password: 'second', username: 'ann', hostname: 'desk', scryptCost: quickScrypt };
  const opens = async (password: string) => (await openRepository(backend, { password })).config.id === repository.config.id;

  it('an added key opens the repository too, and is listed with its owner and time', async () => {
    const id = await repository.addKey({ ...added, clock: new ManualClock('2031-05-06T07:08:09Z') });
    assert.ok(await opens('second'));
    assert.ok(await opens(testPassword));
    const { keys, damaged } = await repository.listKeys();
    assert.deepEqual(damaged, []);
    assert.deepEqual(
      keys.map((key) => [key.id, key.isCurrent]),
      [
        [repository.keyId, true],
        [id, false],
      ],
    );
    const last = keys[1];
    assert.deepEqual(
      [last?.username, last?.hostname, Date.parse(last?.created ?? '')],
      ['ann', 'desk', Date.parse('2031-05-06T07:08:09Z')],
    );
  });

  it('a removed key opens nothing any more', async () => {
    const id = await repository.addKey(added);
    assert.equal(await repository.removeKey(id.slice(0, 10)), id);
    await assert.rejects(opens('second'), { code: 'wrong-password' });
    assert.ok(await opens(testPassword));
  });

  it('the current key, which may be the last one, is not removed', async () => {
    await assert.rejects(repository.removeKey(repository.keyId), { code: 'usage' });
    await assert.rejects(repository.removeKey(repository.keyId.slice(0, 8)), { code: 'usage' });
    assert.ok(await opens(testPassword));
  });

  it('a key that is not there cannot be removed, nor one that is named by digits of several', async () => {
    await assert.rejects(repository.removeKey('f'.repeat(64)), { code: 'not-found' });
    await assert.rejects(repository.removeKey('not hex'), { code: 'not-found' });
    await assert.rejects(repository.removeKey(''), { code: 'not-found' });
    for (let n = 0; n < 17; n++) await repository.addKey({ ...added, password: `p${n}` });
    const [first] = firstDigitOfSeveral(await repository.listKeys().then(({ keys }) => keys.map(({ id }) => id)));
    await assert.rejects(repository.removeKey(first ?? ''), { code: 'ambiguous' });
  });

  it('a changed password takes the place of the old one', async () => {
    const old = repository.keyId;
    const id = await repository.changePassword({ ...added, password: 'new' });
    assert.equal(repository.keyId, id);
    assert.notEqual(id, old);
    assert.ok(await opens('new'));
    await assert.rejects(opens(testPassword), { code: 'wrong-password' });
    await assert.rejects(repository.removeKey(id), { code: 'usage' });
  });

  it('a change of password that is killed anywhere leaves at least one that opens', async () => {
    const killed = new HoldfastError('storage-failed', 'killed');
    for (const operation of ['save', 'load', 'remove'] as const) {
      for (const when of ['before', 'after'] as const) {
        const { backend: inner, repository: victim } = await memoryRepository();
        const faulty = new FaultyBackend(inner, [{ operation, nth: 1, times: 9, fault: { kind: 'fail', error: killed, when } }]);
        const opened = { backend: faulty, config: victim.config, keyId: victim.keyId, masterKey: victim.masterKey };
        await assert.rejects(changePassword(opened, { ...added, password: 'new' }), killed);
        const outcomes = await Promise.allSettled(['new', testPassword].map((password) => openRepository(inner, { password })));
        assert.ok(
          outcomes.some(({ status }) => status === 'fulfilled'),
          `${operation} ${when}`,
        );
      }
    }
  });

  it('damaged key files are listed apart', async () => {
    await backend.save({ kind: 'key', name: 'a'.repeat(64) }, Buffer.from('{}'));
    const { keys, damaged } = await repository.listKeys();
    assert.equal(keys.length, 1);
    assert.deepEqual(
      damaged.map(({ id, error }) => [id, error.code]),
      [['a'.repeat(64), 'damaged']],
    );
  });
});

function firstDigitOfSeveral(ids: readonly string[]): string[] {
  const digits = ids.map((id) => id.slice(0, 1));
  return digits.filter((digit, n) => digits.indexOf(digit) !== n);
}
