import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { messageOf, runHoldfast } from '../support/holdfast.ts';
import { testPassword } from '../support/new-repository.ts';
import { requirePeer, runRestic } from '../support/peers.ts';
import { SharedRepository } from '../support/shared-repository.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const commands = [['snapshots'], ['backup', '/etc/hostname'], ['check'], ['ls', 'latest'], ['stats'], ['key', 'list']] as const;

describe('the exit code', { concurrency: 2 }, () => {
  it('of each command with a wrong password is 12, as of restic', async (t) => {
    const peer = requirePeer(t, 'newest restic');
    if (peer === undefined) return;
    const shared = await SharedRepository.create(t, peer);
    for (const args of commands) {
      const ours = await runHoldfast(shared.path, args, { env: { HOLDFAST_PASSWORD: 'wrong' } });
      const theirs = await runRestic(peer.path, shared.path, 'wrong', ['--no-cache', ...args]);
      assert.equal(theirs.code, 12, theirs.stderr);
      assert.equal(ours.code, 12, args.join(' '));
      assert.equal(messageOf(ours.lines, 'exit_error')['error_code'], 'wrong-password');
    }
  });

  it('of each command without a repository is 10, as of restic', async (t) => {
    const peer = requirePeer(t, 'newest restic');
    if (peer === undefined) return;
    const missing = join(temporaryFolder(t), 'missing');
    for (const args of commands) {
      const ours = await runHoldfast(missing, args);
      const theirs = await runRestic(peer.path, missing, testPassword, ['--no-cache', ...args]);
      assert.equal(theirs.code, 10, theirs.stderr);
      assert.equal(ours.code, 10, args.join(' '));
      assert.equal(messageOf(ours.lines, 'exit_error')['error_code'], 'repository-missing');
    }
  });

  it('of a backup is 1 when a path is not there, and there is no snapshot', async (t) => {
    const peer = requirePeer(t, 'newest restic');
    if (peer === undefined) return;
    const shared = await SharedRepository.create(t, peer);
    const result = await runHoldfast(shared.path, ['backup', '/etc/hostname', join(shared.folder, 'missing')]);
    assert.equal(result.code, 1);
    assert.match(String(messageOf(result.lines, 'exit_error')['message']), /missing/u);
    assert.deepEqual(await shared.snapshots(), []);
  });
});
