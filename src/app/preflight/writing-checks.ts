/** What has to do with writing: each check leaves nothing behind, or something that means nothing (see probe-files.ts). */
import { createHash } from 'node:crypto';
import { asHoldfastError, HoldfastError } from '../../base/errors.ts';
import type { FileKind, StoredFile } from '../../storage/backend.ts';
import { failureFinding, type Finding, wrong } from './preflight-line.ts';
import type { PreflightRun } from './preflight.ts';
import type { Probe } from './probe-files.ts';
import { readRanges } from './range-check.ts';
import { checkReading } from './reading-checks.ts';
import { checkThroughput } from './throughput.ts';

const smallBytes = 64 << 10;
/** Takes so long to write that somebody can look meanwhile, and no minutes on a slow line. */
const watchedBytes = 2 << 20;
const lookMs = 5;
/** A million packs in a list are pages upon pages: that is not waited for. */
const maxListMs = 20_000;

/** @returns whether files can be written */
export async function checkWriting(run: PreflightRun): Promise<boolean> {
  const kind: FileKind = run.hasRepository ? 'pack' : 'key';
  const probe = run.probes.make(kind, smallBytes);
  if (!(await run.check('write', true, () => write(run, probe)))) return false;
  await run.check('read', true, () => readBack(run, probe));
  await run.check('ranges', true, () => readRanges(run, probe.file, probe.bytes));
  await run.check('listing', true, () => findInList(run, probe));
  await run.check('atomicity', true, () => watchWriting(run, kind));
  await checkThroughput(run, kind);
  await run.check('remove', false, () => removeAgain(run, probe.file));
  return true;
}

const emptyLock: StoredFile = { kind: 'lock', name: createHash('sha256').digest('hex') };

/** Where only locks may be removed. @returns whether files can be written */
export async function checkAppending(run: PreflightRun): Promise<boolean> {
  const probe = run.hasRepository ? { file: emptyLock, bytes: Buffer.alloc(0) } : run.probes.make('lock', smallBytes);
  const canWrite = await run.check('write', true, async () => {
    if (await run.backend.exists(probe.file, { signal: run.signal })) {
      return { verdict: 'unknown', fact: 'not tried: an upload of somebody else that broke off stands where the test would write' };
    }
    await run.probes.write(probe, run.signal);
    await run.probes.remove(probe.file, run.signal);
    const what = run.hasRepository ? 'an empty lock, which means nothing,' : 'a lock';
    return { fact: `${what} was written and removed again; other files were not tried, because they would stay for ever` };
  });
  if (!canWrite) return false;
  await checkReading(run);
  run.add('remove', false, {
    verdict: 'warning',
    fact: 'the place is append-only: only locks can be removed',
    hint: 'Good against whoever takes over this machine. forget and prune have to run where removing is allowed.',
  });
  return true;
}

async function write(run: PreflightRun, probe: Probe): Promise<Finding> {
  await run.probes.write(probe, run.signal);
  // An upload whose answer was lost is repeated.
  await run.probes.write(probe, run.signal);
  return { fact: `a file of ${probe.bytes.length >> 10} KiB was written, and then written again` };
}

async function readBack(run: PreflightRun, { file, bytes }: Probe): Promise<Finding> {
  const { signal } = run;
  if (!(await run.backend.load(file, { signal })).equals(bytes)) {
    return wrong('what was read is not what was written', 'Do not use this place: something on the way changes data.');
  }
  const { sizeBytes } = await run.backend.stat(file, { signal });
  if (sizeBytes !== bytes.length) return wrong(`the storage says ${sizeBytes} bytes of a file that has ${bytes.length}`);
  const missing = await run.backend.load(run.probes.makeName(file.kind), { signal }).then(() => undefined, asHoldfastError);
  if (missing?.code === 'storage-missing')
    return { fact: 'what was read is what was written, and what is not there is said to be missing' };
  if (missing === undefined) return wrong('a file that nobody wrote could be read');
  return failureFinding(missing, 'failed');
}

async function findInList(run: PreflightRun, { file, bytes }: Probe): Promise<Finding> {
  const { kind } = file;
  const limit = AbortSignal.timeout(maxListMs);
  let count = 0;
  try {
    for await (const found of run.backend.list(kind, { signal: AbortSignal.any([run.signal, limit]) })) {
      count++;
      if (found.name !== file.name) continue;
      if (found.sizeBytes !== bytes.length) return wrong(`the list says ${found.sizeBytes} bytes of a file that has ${bytes.length}`);
      return { fact: 'a file that was written is in the list at once' };
    }
  } catch (error) {
    if (!limit.aborted || run.signal.aborted) throw error;
    return { verdict: 'unknown', fact: `not all files could be listed within ${maxListMs / 1000} s`, values: { listedCount: count } };
  }
  return {
    verdict: 'warning',
    fact: 'a file that was written is not in the list yet',
    hint: 'Two programs that work on the repository at once may not see each other’s locks: let one at a time work on it.',
  };
}

/** Whoever looks while a file is written sees all of it or nothing, and a broken-off upload leaves nothing. */
async function watchWriting(run: PreflightRun, kind: FileKind): Promise<Finding> {
  const { probes, signal, backend } = run;
  const watched = probes.make(kind, watchedBytes);
  let isWritten = false;
  const writing = probes.write(watched, signal).finally(() => {
    isWritten = true;
  });
  writing.catch(() => {});
  let looks = 0;
  while (!isWritten) {
    const seen = await sizeOf(run, watched.file);
    if (seen !== undefined && seen !== watchedBytes) {
      await writing;
      return notAtomic(`while a file of ${watchedBytes} bytes was written, ${seen} of them were to be seen`);
    }
    looks++;
    await run.clock.sleep(lookMs, signal);
  }
  await writing;
  const broken = probes.make(kind, watchedBytes);
  const stop = new AbortController();
  const breaking = probes.write(broken, AbortSignal.any([signal, stop.signal]));
  breaking.catch(() => {});
  await run.clock.sleep(lookMs, signal);
  stop.abort();
  await breaking.catch(() => {});
  const left = await sizeOf(run, broken.file);
  if (left !== undefined && left !== watchedBytes)
    return notAtomic(`an upload that was broken off left ${left} of ${watchedBytes} bytes behind`);
  const config = backend.capabilities.atomicCreate
    ? ''
    : '; two programs that create a repository here in the same moment are not kept apart';
  return { fact: `files appear as a whole (${looks} looks while one was written)${config}` };
}

function notAtomic(fact: string): Finding {
  return {
    verdict: 'warning',
    fact,
    hint: 'A backup that is killed here may leave an incomplete file behind. Nothing refers to such a file: prune removes it.',
  };
}

async function removeAgain(run: PreflightRun, file: StoredFile): Promise<Finding> {
  await run.probes.remove(file, run.signal);
  if (await run.backend.exists(file, { signal: run.signal })) {
    return wrong('a file that was removed is still there', 'forget and prune will not free any room here.');
  }
  await run.probes.remove(file, run.signal);
  return { fact: 'files can be removed' };
}

async function sizeOf({ backend, signal }: PreflightRun, file: StoredFile): Promise<number | undefined> {
  try {
    return (await backend.stat(file, { signal })).sizeBytes;
  } catch (error) {
    if (error instanceof HoldfastError && error.code === 'storage-missing') return undefined;
    throw error;
  }
}
