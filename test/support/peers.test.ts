import assert from 'node:assert/strict';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { newestRestic, requirePeer, run, runRestic } from './peers.ts';
import { temporaryFolder } from './temporary-folder.ts';

it('the newest restic makes a repository with the password it is given', async (t) => {
  const restic = requirePeer(t, 'newest restic');
  if (restic === undefined) return;
  const repository = join(temporaryFolder(t), 'repository');
  const init = await runRestic(restic.path, repository, 'correct', ['init']);
  assert.equal(init.code, 0, init.stderr);
  assert.equal((await runRestic(restic.path, repository, 'correct', ['snapshots'])).code, 0);
  const wrong = await runRestic(restic.path, repository, 'wrong', ['snapshots']);
  assert.notEqual(wrong.code, 0);
  assert.match(wrong.stderr, /wrong password/u);
});

it('the newest restic is newer than 0.17', (t) => {
  const restic = requirePeer(t, 'newest restic');
  if (restic === undefined) return;
  assert.equal(newestRestic(), restic);
  const [major, minor] = restic.version.split('.').map(Number);
  assert.ok(major !== undefined && minor !== undefined && (major > 0 || minor > 17), restic.version);
});

it("restic runs with a home of its own and none of the caller's variables", async (t) => {
  const folder = temporaryFolder(t);
  const script = join(folder, 'prints-environment');
  writeFileSync(script, '#!/bin/sh\necho "$HOME $RESTIC_PASSWORD $RESTIC_REPOSITORY $*"\n', { mode: 0o755 });
  process.env['RESTIC_REPOSITORY'] = '/of/the/caller';
  t.after(() => delete process.env['RESTIC_REPOSITORY']);
  const result = await runRestic(script, '/repository', 'secret', ['check']);
  assert.match(result.stdout, /holdfast-restic-\S+ secret {2}--repo \/repository check/u);
});

it('what a program printed and how it ended is reported', async () => {
  const result = await run('sh', ['-c', 'cat; echo warned >&2; exit 7'], { input: 'given' });
  assert.deepEqual(result, { code: 7, stdout: 'given', stderr: 'warned\n' });
  assert.equal((await run('sh', ['-c', 'kill -TERM $$'])).code, 143);
});

it('a temporary folder goes away with the read-only folders in it', async (t) => {
  let folder = '';
  await t.test('fills it', (inner) => {
    folder = temporaryFolder(inner);
    mkdirSync(join(folder, 'closed'));
    writeFileSync(join(folder, 'closed', 'file'), '');
    mkdirSync(join(folder, 'closed', 'empty'), { mode: 0o000 });
  });
  assert.notEqual(folder, '');
  assert.equal(existsSync(folder), false);
});
