/** Reading where nothing may be written, or nothing that could be taken away again: what is there has to do. */
import { asHoldfastError } from '../../base/errors.ts';
import { configFile, type ListedFile } from '../../storage/backend.ts';
import type { Finding } from './preflight-line.ts';
import type { PreflightRun } from './preflight.ts';
import { readRanges } from './range-check.ts';
import { checkDownload } from './throughput.ts';

/** A config has some 155 bytes. */
const maxConfigBytes = 1 << 20;
const maxPacks = 100;
/** What is smaller measures the way of one request, not the rate. */
const enoughBytes = 256 << 10;

export async function checkReading(run: PreflightRun): Promise<void> {
  if (!run.hasRepository) {
    run.add('read', false, { verdict: 'skipped', fact: 'not tried: there is nothing to read' });
    return;
  }
  let config: Buffer = Buffer.alloc(0);
  const isRead = await run.check('read', true, async () => {
    config = await run.backend.load(configFile, { maxBytes: maxConfigBytes, signal: run.signal });
    return { fact: 'the config can be read' };
  });
  if (isRead) await run.check('ranges', true, () => readRanges(run, configFile, config));
  await run.check('throughput', false, () => readPack(run));
}

async function readPack(run: PreflightRun): Promise<Finding> {
  const pack = await largePack(run);
  if (pack === undefined || pack.sizeBytes < enoughBytes)
    return { verdict: 'skipped', fact: 'not measured: there is no pack large enough' };
  try {
    return await checkDownload(run, { kind: 'pack', name: pack.name }, pack.sizeBytes);
  } catch (thrown) {
    const error = asHoldfastError(thrown);
    if (error.code !== 'storage-denied') throw error;
    return {
      verdict: 'warning',
      fact: 'the place is write-only: packs cannot be read',
      hint: 'Good against whoever takes over this machine. restore and check have to run where reading is allowed.',
      code: error.code,
    };
  }
}

/** The largest of the first ones: all are not asked for. */
async function largePack({ backend, signal }: PreflightRun): Promise<ListedFile | undefined> {
  let largest: ListedFile | undefined;
  let count = 0;
  for await (const pack of backend.list('pack', { signal })) {
    if (pack.sizeBytes >= (largest?.sizeBytes ?? 0)) largest = pack;
    if (++count >= maxPacks) break;
  }
  return largest;
}
