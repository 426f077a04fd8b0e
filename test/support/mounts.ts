/** File systems that a test mounts, which takes root. */
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import type { TestContext } from 'node:test';

/**
 * Mounts a file system that is gone after the test.
 *
 * @returns false, with the test marked as skipped, where this user may not mount
 */
export function mountForTest(t: Pick<TestContext, 'skip' | 'after'>, folder: string, args: readonly string[]): boolean {
  mkdirSync(folder, { recursive: true });
  const result = spawnSync('mount', [...args, folder], { encoding: 'utf8' });
  if (result.status === 0) {
    t.after(() => void spawnSync('umount', ['--lazy', folder]));
    return true;
  }
  const reason = result.error?.message ?? result.stderr.trim();
  t.skip(`this user may not mount a file system (${reason})`);
  return false;
}
