import { spawnSync } from 'node:child_process';
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What lets a test, or a group of tests, leave nothing behind: a TestContext, for one. */
export interface CleansUp {
  after(work: () => void): void;
}

/** Cleans up in the opposite order: node:test would remove a folder before what was mounted in it is unmounted. */
export function lastInFirstOut(t: CleansUp): CleansUp {
  const works: (() => void)[] = [];
  t.after(() => {
    for (const work of works.reverse()) work();
  });
  return { after: (work) => void works.push(work) };
}

/** Makes an empty folder (absolute path, no symbolic link in it) that is removed after the test. */
export function temporaryFolder(t: CleansUp): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'holdfast-test-')));
  t.after(() => {
    removeTree(folder);
  });
  return folder;
}

function removeTree(folder: string): void {
  try {
    rmSync(folder, { recursive: true, force: true });
  } catch {
    // Restored trees hold read-only folders, and names that are no UTF-8: chmod and rm cope with both.
    spawnSync('chmod', ['-R', 'u+rwx', folder]);
    const removal = spawnSync('rm', ['-rf', '--', folder], { encoding: 'utf8' });
    if (removal.status !== 0) throw new Error(`${folder} could not be removed: ${removal.stderr}`);
  }
}
