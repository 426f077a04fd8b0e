/** Has the content of all files written, pack by pack. */
import { type ErrorRecord, HoldfastError, toErrorRecord } from '../base/errors.ts';
import type { UnreadBlob } from '../workers/restore/messages.ts';
import { blobIsThere, blobWord } from '../workers/restore/plan/restore-plan.ts';
import { contentRuns, type PackRun, type RunLimits } from './content-order.ts';
import type { RestoreCrew } from './restore-crew.ts';

/**
 * A quarter of a default pack is read at once, so that four workers hold some 16 MB. From a local file a gap costs less than a
 * second read; from a storage far away a request costs about as much as a megabyte (restic takes the same).
 */
const localLimits: RunLimits = { maxBytes: 4 << 20, maxGapBytes: 64 << 10, maxWrittenBytes: 32 << 20 };
const remoteLimits: RunLimits = { ...localLimits, maxGapBytes: 1 << 20 };

export async function writeContent(crew: RestoreCrew): Promise<void> {
  const limits = crew.source.localFolder === undefined ? remoteLimits : localLimits;
  await crew.forEach(contentRuns(crew.plan, crew.index, limits), async (run) => await writeRun(crew, run));
}

async function writeRun(crew: RestoreCrew, run: PackRun): Promise<void> {
  for (const unread of await askForRun(crew, run)) await writeOtherCopy(crew, unread);
}

async function askForRun(crew: RestoreCrew, run: PackRun): Promise<readonly UnreadBlob[]> {
  let sealed: SharedArrayBuffer | undefined;
  try {
    sealed = await crew.source.load(run.pack, run.offset, run.length);
  } catch (error) {
    // The storage lacks a part of it, or the pack: what can be read alone is.
    return unreadBlobs(crew, run, toErrorRecord(error));
  }
  return (await crew.ask('written', { kind: 'content', ...run, entry: undefined, sealed })).unread;
}

function unreadBlobs(crew: RestoreCrew, { blobs }: PackRun, error: ErrorRecord): UnreadBlob[] {
  const unread: UnreadBlob[] = [];
  let from = 0;
  for (let at = 1; at <= blobs.length; at++) {
    const entry = entryOf(crew, blobs, from);
    if (at < blobs.length && entryOf(crew, blobs, at) === entry) continue;
    unread.push({ blobs: blobs.slice(from, at), entry, error });
    from = at;
  }
  return unread;
}

function entryOf(crew: RestoreCrew, blobs: Uint32Array, position: number): number {
  return crew.plan.blobs.get(blobs[position] ?? 0, blobWord.entry);
}

/** Once more alone where that may help, then from every other pack that has the blob. */
async function writeOtherCopy(crew: RestoreCrew, { blobs, entry, error }: UnreadBlob): Promise<void> {
  if (error.code === 'cancelled') throw new HoldfastError('cancelled', error.message);
  const isWorthAgain = crew.source.localFolder === undefined;
  let last = error;
  for (const copy of [...(isWorthAgain ? [entry] : []), ...crew.source.otherCopies(entry)]) {
    const problem = await writeCopy(crew, blobs, copy);
    if (problem === undefined) return;
    last = problem;
  }
  for (const row of blobs) crew.failFile(crew.plan.blobs.get(row, blobWord.file) % blobIsThere, last);
}

/** @returns why it did not work */
async function writeCopy(crew: RestoreCrew, blobs: Uint32Array, entry: number): Promise<ErrorRecord | undefined> {
  const { index, source } = crew;
  const place = { pack: index.packOf(entry), offset: index.offsetOf(entry), length: index.lengthOf(entry) };
  try {
    const sealed = await source.loadEntry(entry);
    const { unread } = await crew.ask('written', { kind: 'content', ...place, blobs, entry, sealed });
    return unread[0]?.error;
  } catch (error) {
    const record = toErrorRecord(error);
    if (record.code === 'cancelled' || record.code === 'storage-full') throw error;
    return record;
  }
}
