/** File systems that a test mounts, which takes root. */
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import type { TestContext } from 'node:test';
import type { CleansUp } from './temporary-folder.ts';

/**
 * Mounts a file system that is gone after the test.
 *
 * @param cleanUp runs what it is given last first: the folder must not be removed before
 * @returns false, with the test marked as skipped, where this user may not mount
 */
export function mountForTest(t: Pick<TestContext, 'skip'>, cleanUp: CleansUp, folder: string, args: readonly string[]): boolean {
  mkdirSync(folder, { recursive: true });
  const result = spawnSync('mount', [...args, folder], { encoding: 'utf8' });
  if (result.status === 0) {
    cleanUp.after(() => void spawnSync('umount', ['--lazy', folder]));
    return true;
  }
  const reason = result.error?.message ?? result.stderr.trim();
  t.skip(`this user may not mount a file system (${reason})`);
  return false;
}
