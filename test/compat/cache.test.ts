/** Holdfast and restic use one cache folder in turn, as they do when RESTIC_CACHE_DIR names it for both. */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { jsonLines } from '../support/holdfast.ts';
import { testPassword } from '../support/new-repository.ts';
import { requirePeer, runRestic } from '../support/peers.ts';
import { SharedRepository } from '../support/shared-repository.ts';

describe('a cache folder that both programs use', () => {
  it('serves each with what the other put there, and neither with what is damaged', async (t) => {
    const peer = requirePeer(t, 'newest restic');
    if (peer === undefined) return;
    const shared = await SharedRepository.create(t, peer);
    mkdirSync(join(shared.folder, 'source'));
    writeFileSync(join(shared.folder, 'source/file'), 'content');
    await shared.holdfast(['backup', 'source'], { cwd: shared.folder });
    const cache = join(shared.folder, 'cache');
    const restic = async (...args: string[]): Promise<string> => {
      const result = await runRestic(peer.path, shared.path, testPassword, ['--cache-dir', cache, ...args]);
      assert.equal(result.code, 0, result.stderr);
      return result.stdout;
    };
    const holdfast = async (...args: string[]) => (await shared.holdfast([...args, '--cache-dir', cache])).stdout;

    const ours = await holdfast('ls', 'latest');
    const filled = filesIn(cache);
    assert.equal(filled.length >= 5, true);
    await restic('ls', 'latest');
    assert.match(await restic('check', '--with-cache'), /no errors were found/u);
    assert.deepEqual(filesIn(cache), filled);

    await restic('backup', '--tag', 'second', join(shared.folder, 'source'));
    const theirs = await holdfast('ls', 'latest');
    assert.match(theirs, /source\/file/u);

    for (const path of filesIn(cache))
      if (/[0-9a-f]{64}$/u.test(path))
        writeFileSync(
          path,
          readFileSync(path).map((byte) => byte ^ 1),
        );
    assert.equal(await holdfast('ls', 'latest'), theirs);
    assert.equal(await holdfast('ls', String(jsonLines(ours)[0]?.['id'])), ours);
    // What Holdfast has not replaced, restic notices and removes itself.
    assert.match(await restic('check', '--with-cache'), /no errors were found/u);
    assert.match(await restic('cache'), /1 cache dirs in/u);
    assert.match((await shared.holdfast(['cache', '--cache-dir', cache])).stdout, /"old":false/u);
  });
});

function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .flatMap((entry) => (entry.isFile() ? [join(entry.parentPath, entry.name)] : []))
    .sort();
}
