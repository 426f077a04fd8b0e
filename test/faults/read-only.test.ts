import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { compareTrees } from '../support/compare-trees.ts';
import { type HoldfastOptions, messageOf, runHoldfast } from '../support/holdfast.ts';
import { mountForTest } from '../support/mounts.ts';
import { localRepository } from '../support/new-repository.ts';
import { requireOrdinaryUser } from '../support/ordinary-user.ts';
import { temporaryFolder, lastInFirstOut } from '../support/temporary-folder.ts';

interface Setting {
  readonly folder: string;
  /** Where the repository cannot be written. */
  readonly repository: string;
  readonly source: string;
  readonly options: HoldfastOptions;
}

/** A repository with a snapshot, on a file system that is then mounted for reading only. */
async function mountedReadOnly(t: TestContext): Promise<Setting | undefined> {
  const cleanUp = lastInFirstOut(t);
  const folder = temporaryFolder(cleanUp);
  const disk = join(folder, 'disk');
  if (!mountForTest(t, cleanUp, disk, ['-t', 'tmpfs', 'tmpfs'])) return undefined;
  const setting = { folder, repository: join(disk, 'repository'), source: join(folder, 'source'), options: {} };
  await fill(setting);
  assert.equal(spawnSync('mount', ['-o', 'remount,ro', disk]).status, 0);
  return setting;
}

/** A repository with a snapshot that belongs to somebody who may not write there. */
async function closedForWriting(t: TestContext): Promise<Setting | undefined> {
  const user = requireOrdinaryUser(t);
  if (user === undefined) return undefined;
  const folder = temporaryFolder(t);
  const setting = { folder, repository: join(folder, 'repository'), source: join(folder, 'source'), options: { prefix: user.prefix } };
  await fill(setting);
  mkdirSync(join(folder, 'for the user'));
  user.own(folder);
  spawnSync('chmod', ['-R', 'a-w', setting.repository]);
  return setting;
}

async function fill({ repository, source }: Setting): Promise<void> {
  mkdirSync(source);
  writeFileSync(join(source, 'file'), 'content '.repeat(1000));
  const made = await localRepository(repository);
  await made.close();
  const result = await runHoldfast(repository, ['backup', source]);
  assert.equal(result.code, 0, result.stderr);
  writeFileSync(join(source, 'another'), 'more');
}

const settings = { 'that is mounted read-only': mountedReadOnly, 'that the user may not write': closedForWriting };

for (const [name, create] of Object.entries(settings)) {
  describe(`a repository ${name}`, () => {
    it('takes no backup: the message says so, and there is no snapshot', async (t) => {
      const setting = await create(t);
      if (setting === undefined) return;
      for (const extra of [[], ['--no-lock']]) {
        const result = await runHoldfast(setting.repository, ['backup', ...extra, setting.source], setting.options);
        assert.equal(result.code, 1, result.stderr);
        const error = messageOf(result.lines, 'exit_error');
        assert.equal(error['error_code'], 'storage-denied');
        assert.match(String(error['message']), /EROFS|EACCES|read-only|denied/iu);
        assert.doesNotMatch(result.stderr, /\n\s+at /u);
        assert.equal(
          result.lines.some((line) => line['message_type'] === 'summary'),
          false,
        );
      }
      assert.equal(readdirSync(join(setting.repository, 'snapshots')).length, 1);
    });

    it('is listed, checked and restored with --no-lock; without it the message says what to add', async (t) => {
      const setting = await create(t);
      if (setting === undefined) return;
      const { repository, folder, source, options } = setting;
      const target = join(folder, options.prefix === undefined ? 'restored' : 'for the user/restored');
      const commands = [
        ['snapshots'],
        ['ls', 'latest'],
        ['stats'],
        ['check', '--read-data'],
        ['restore', `latest:${source}`, '--target', target],
      ];
      for (const args of commands) {
        const result = await runHoldfast(repository, [...args, '--no-lock'], options);
        assert.equal(result.code, 0, `${args.join(' ')}: ${result.stderr}`);
      }
      assert.deepEqual(compareTrees(source, target), ['another: only in the first']);
      const locking = await runHoldfast(repository, ['check'], options);
      assert.equal(locking.code, 1);
      assert.match(String(messageOf(locking.lines, 'exit_error')['hint']), /--no-lock/u);
    });
  });
}

describe('a repository that the user may not even read', () => {
  it('is not called missing or damaged', async (t) => {
    const setting = await closedForWriting(t);
    if (setting === undefined) return;
    chmodSync(setting.repository, 0);
    const result = await runHoldfast(setting.repository, ['snapshots'], setting.options);
    chmodSync(setting.repository, 0o700);
    assert.equal(result.code, 1, result.stderr);
    assert.equal(messageOf(result.lines, 'exit_error')['error_code'], 'storage-denied');
  });
});
