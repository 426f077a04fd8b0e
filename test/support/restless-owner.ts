/**
 * Holds an exclusive lock and changes the repository without a pause, until the lock is lost: `node restless-owner.ts REPOSITORY PASSWORD
 * CLOCK [index]`. Each round writes an index, a snapshot and a pack (or an index alone) and removes those of the round before, and prints a
 * line. At the end it prints the error.
 */
import { hash, randomBytes } from 'node:crypto';
import { asHoldfastError, toErrorRecord } from '../../src/base/errors.ts';
import type { IndexId, SnapshotId } from '../../src/base/ids.ts';
import { encodeIndex } from '../../src/format/index-file.ts';
import { Repository } from '../../src/repository/repository.ts';
import { LocalBackend } from '../../src/storage/local/local-backend.ts';
import { type ClockSpeed, FastClock } from './fast-clock.ts';

const [path = '', password = '', clockText = '', only = ''] = process.argv.slice(2);
const clock = new FastClock(JSON.parse(clockText) as ClockSpeed);
const repository = await Repository.open(new LocalBackend({ path }), { password, clock });
const lock = await repository.lock({ isExclusive: true });

interface Round {
  readonly index: IndexId;
  readonly more: { readonly snapshot: SnapshotId; readonly pack: string } | undefined;
}

let last: Round | undefined;
try {
  for (let round = 0; ; round++) {
    const next = await write();
    if (last !== undefined) await remove(last);
    last = next;
    process.stdout.write(`round ${round}\n`);
  }
} catch (error) {
  process.stdout.write(`${JSON.stringify(toErrorRecord(asHoldfastError(error)))}\n`);
} finally {
  await lock.release();
  await repository.close();
}

async function write(): Promise<Round> {
  const index = await repository.files.save('index', encodeIndex([]));
  if (only === 'index') return { index, more: undefined };
  const bytes = randomBytes(5_000);
  const pack = hash('sha256', bytes, 'hex');
  await repository.backend.save({ kind: 'pack', name: pack }, bytes);
  const snapshot = await repository.files.save('snapshot', Buffer.from('{"time":"2026-11-21T10:00:00Z","tree":"","paths":["/"]}'));
  return { index, more: { snapshot, pack } };
}

async function remove({ index, more }: Round): Promise<void> {
  await repository.files.remove('index', index);
  if (more === undefined) return;
  await repository.files.remove('snapshot', more.snapshot);
  await repository.backend.remove({ kind: 'pack', name: more.pack });
}
