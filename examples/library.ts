/** Backs a folder up, restores it beside, and checks the repository: `node examples/library.ts FOLDER`. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRepository } from 'holdfast';

const work = mkdtempSync(join(tmpdir(), 'holdfast-example-'));
try {
  await using repository = await createRepository(join(work, 'repository'), { password: 'only an example' });
  const saved = await repository.backup([process.argv[2] ?? import.meta.dirname], { tags: ['example'] });
  const restored = await repository.restore('latest', { target: join(work, 'restored'), verifies: true });
  const report = await repository.check({ readData: true });

  console.log(`snapshot ${saved.snapshotId}, ${saved.summary.filesNew} files, ${saved.failureCount} could not be read`);
  console.log(`restored ${restored.filesRestored} entries, ${restored.failureCount} failed; the check found ${report.errorCount} errors`);
} finally {
  rmSync(work, { recursive: true, force: true });
}
