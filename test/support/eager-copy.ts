/**
 * Copies all snapshots with the smallest packs and a clock that runs fast, so that every pack soon gets its index:
 * `node eager-copy.ts SOURCE DESTINATION PASSWORD`.
 */
import { systemClock } from '../../src/base/clock.ts';
import { copySnapshots } from '../../src/repository/copy/copy-snapshots.ts';
import { Repository } from '../../src/repository/repository.ts';
import { LocalBackend } from '../../src/storage/local/local-backend.ts';

const packSizeBytes = 4 << 20;
/** A millisecond seems to be ten minutes. */
const speed = 600_000;

const [from = '', to = '', password = ''] = process.argv.slice(2);
await using source = await Repository.open(new LocalBackend({ path: from }), { password });
await using destination = await Repository.open(new LocalBackend({ path: to }), { password });
await using _lock = await destination.lock({ isExclusive: false });
await copySnapshots(source, destination, {
  snapshots: await source.snapshots.list(),
  packSizeBytes,
  clock: { ...systemClock, monotonicMs: () => systemClock.monotonicMs() * speed },
});
