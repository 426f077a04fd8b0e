/** A program for tests: backs up a target into a repository, as whoever runs it, and prints what came of it as JSON. */
import { ArchiveSession } from '../../src/archiver/archive-session.ts';
import { backup } from '../../src/archiver/backup.ts';
import { systemClock } from '../../src/base/clock.ts';
import { Repository } from '../../src/repository/repository.ts';
import { selectEverything } from '../../src/selection/selection.ts';
import { LocalBackend } from '../../src/storage/local/local-backend.ts';
import { testPassword } from './new-repository.ts';

const [path = '', target = ''] = process.argv.slice(2);
const failures: (string | undefined)[] = [];
await using repository = await Repository.open(new LocalBackend({ path }), { password: testPassword });
await using session = new ArchiveSession({ workerCount: 1 });
const { tree, failureCount } = await backup(session, repository, {
  source: { kind: 'files', paths: [Buffer.from(target)], selection: selectEverything },
  parentChoice: { kind: 'none' },
  changes: { ignoreInode: false, ignoreCtime: false },
  compression: 'auto',
  packSizeBytes: 16 << 20,
  withAtime: false,
  isDryRun: false,
  skipIfUnchanged: false,
  reportItems: false,
  estimateTotals: false,
  clock: systemClock,
  events: (event) => {
    if (event.kind === 'failure') failures.push(event.path);
  },
  record: { timeNs: systemClock.nowNs(), paths: [target], hostname: 'here', tags: [], excludes: [], programVersion: 'test' },
});
process.stdout.write(JSON.stringify({ tree, failureCount, failures }));
