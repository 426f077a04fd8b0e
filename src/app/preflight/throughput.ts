/** How fast bytes go to a storage and come from it, one file at a time. */
import type { FileKind, StoredFile } from '../../storage/backend.ts';
import type { Finding } from './preflight-line.ts';
import type { PreflightRun } from './preflight.ts';

/** Each is written only when the one before went quickly: on a slow line the first says enough. */
const sizesBytes = [256 << 10, 2 << 20, 16 << 20] as const;
/** A measurement of this length says enough; what follows takes eight times as long. */
const enoughMs = 1_000;
/** Less makes a first backup of 100 GB take more than five days. */
const slowBytesPerSecond = 256 << 10;

interface Measured {
  readonly upBytesPerSecond: number;
  readonly downBytesPerSecond: number;
}

export async function checkThroughput(run: PreflightRun, kind: FileKind): Promise<void> {
  await run.check('throughput', false, async () => {
    let measured: Measured | undefined;
    for (const sizeBytes of sizesBytes) {
      const { ms, ...rates } = await measureFile(run, kind, sizeBytes);
      measured = rates;
      if (ms > enoughMs) break;
    }
    return measured === undefined ? undefined : rateFinding(measured);
  });
}

/** Of a file that is there. */
export async function checkDownload(run: PreflightRun, file: StoredFile, sizeBytes: number): Promise<Finding> {
  const length = Math.min(sizeBytes, sizesBytes[1]);
  const ms = await run.measure(() => run.backend.load(file, { offset: 0, length, signal: run.signal }));
  const downBytesPerSecond = perSecond(length, ms);
  return { fact: `${rateText(downBytesPerSecond)} from there; the other way was not measured`, values: { downBytesPerSecond } };
}

async function measureFile(run: PreflightRun, kind: FileKind, sizeBytes: number): Promise<Measured & { readonly ms: number }> {
  const probe = run.probes.make(kind, sizeBytes);
  const upMs = await run.measure(() => run.probes.write(probe, run.signal));
  const downMs = await run.measure(() => run.backend.load(probe.file, { signal: run.signal }));
  await run.probes.remove(probe.file, run.signal);
  return {
    upBytesPerSecond: perSecond(sizeBytes, upMs),
    downBytesPerSecond: perSecond(sizeBytes, downMs),
    ms: Math.max(upMs, downMs),
  };
}

function rateFinding(rates: Measured): Finding {
  const { upBytesPerSecond, downBytesPerSecond } = rates;
  const fact = `${rateText(upBytesPerSecond)} to there and ${rateText(downBytesPerSecond)} from there, one file at a time`;
  if (upBytesPerSecond >= slowBytesPerSecond) return { fact, values: { ...rates } };
  return {
    verdict: 'warning',
    fact,
    hint: 'A first backup of 100 GB takes days at this rate. If the way is long rather than narrow, more connections help: -o with connections.',
    values: { ...rates },
  };
}

function perSecond(bytes: number, ms: number): number {
  return Math.round((bytes * 1000) / Math.max(ms, 0.1));
}

function rateText(bytesPerSecond: number): string {
  const mib = bytesPerSecond / 2 ** 20;
  return mib >= 1 ? `${mib.toFixed(1)} MiB/s` : `${Math.round(bytesPerSecond / 1024)} KiB/s`;
}
