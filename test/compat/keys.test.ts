import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { runHoldfast } from '../support/holdfast.ts';
import { requirePeer, runRestic } from '../support/peers.ts';
import { SharedRepository } from '../support/shared-repository.ts';

describe('a password', { concurrency: 2 }, () => {
  it('that restic added opens the repository for Holdfast, until restic removes it', async (t) => {
    const peer = requirePeer(t, 'newest restic');
    if (peer === undefined) return;
    const shared = await SharedRepository.create(t, peer);
    const passwordFile = join(shared.folder, 'password');
    const password = 'pässwörd with 日本語 and "quotes"';
    writeFileSync(passwordFile, `${password}\n`);
    await shared.restic(['key', 'add', '--new-password-file', passwordFile]);
    const opened = await runHoldfast(shared.path, ['key', 'list'], { env: { HOLDFAST_PASSWORD: password } });
    assert.equal(opened.code, 0, opened.stderr);
    const keys = JSON.parse(opened.stdout) as { current: boolean; id: string }[];
    assert.equal(keys.length, 2);
    const added = keys.find((key) => key.current);
    assert.ok(added !== undefined);
    await shared.restic(['key', 'remove', added.id]);
    assert.equal((await runHoldfast(shared.path, ['snapshots'], { env: { HOLDFAST_PASSWORD: password } })).code, 12);
    await shared.holdfast(['snapshots']);
  });

  it('that Holdfast added, changed and removed does the same for restic', async (t) => {
    const peer = requirePeer(t, 'newest restic');
    if (peer === undefined) return;
    const shared = await SharedRepository.create(t, peer);
    const opens = async (password: string): Promise<number> =>
      (await runRestic(peer.path, shared.path, password, ['--no-cache', 'snapshots'])).code;
    const passwordFile = (password: string): string => {
      writeFileSync(join(shared.folder, 'password'), password);
      return join(shared.folder, 'password');
    };
    await shared.holdfast(['key', 'add', '--new-password-file', passwordFile('second')]);
    assert.equal(await opens('second'), 0);
    await shared.holdfast(['key', 'passwd', '--new-password-file', passwordFile('third')], { env: { HOLDFAST_PASSWORD: 'second' } });
    assert.deepEqual([await opens('second'), await opens('third')], [12, 0]);
    const { stdout } = await shared.holdfast(['key', 'list'], { env: { HOLDFAST_PASSWORD: 'third' } });
    const third = (JSON.parse(stdout) as { current: boolean; id: string }[]).find((key) => key.current);
    await shared.holdfast(['key', 'remove', String(third?.id)]);
    assert.equal(await opens('third'), 12);
    await shared.check();
  });
});
