/**
 * Backs a folder up like the command, but with a clock that runs a million times as fast: an index is written after each pack instead
 * of every half minute. `node eager-backup.ts REPOSITORY PASSWORD FOLDER`, the folder relative to the working directory. It never saves
 * the snapshot but waits there to be killed, so that however late the kill comes, it meets a backup at work.
 */
import { hostname } from 'node:os';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ArchiveSession } from '../../src/archiver/archive-session.ts';
import { backup } from '../../src/archiver/backup.ts';
import { systemClock } from '../../src/base/clock.ts';
import { ignoreEvents } from '../../src/base/events.ts';
import { Repository } from '../../src/repository/repository.ts';
import { selectEverything } from '../../src/selection/selection.ts';
import { LocalBackend } from '../../src/storage/local/local-backend.ts';

class EndlessBackend extends LocalBackend {
  override async save(...args: Parameters<LocalBackend['save']>): Promise<void> {
    if (args[0].kind !== 'snapshot') return await super.save(...args);
    await sleep(longestWaitMs);
    throw new Error('nobody killed the backup');
  }
}

const longestWaitMs = 120_000;
const smallestPackBytes = 4 << 20;

const [path = '', password = '', folder = ''] = process.argv.slice(2);
await using session = new ArchiveSession();
await using repository = await Repository.open(new EndlessBackend({ path }), { password });
await backup(session, repository, {
  source: { kind: 'files', paths: [Buffer.from(folder)], selection: selectEverything },
  parentChoice: { kind: 'found' },
  changes: { ignoreInode: false, ignoreCtime: false },
  compression: 'auto',
  packSizeBytes: smallestPackBytes,
  withAtime: false,
  isDryRun: false,
  skipIfUnchanged: false,
  reportItems: false,
  estimateTotals: false,
  clock: { ...systemClock, monotonicMs: () => systemClock.monotonicMs() * 1_000_000 },
  events: ignoreEvents,
  record: {
    timeNs: systemClock.nowNs(),
    paths: [resolve(folder)],
    hostname: hostname(),
    tags: [],
    excludes: [],
    programVersion: 'a test',
  },
});
