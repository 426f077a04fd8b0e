/** What has to do with the storage as a whole: how far away it is, its room, its clock, and an access that ends. */
import type { StorageSpace, TokenState } from '../../storage/inspection.ts';
import type { Finding } from './preflight-line.ts';
import type { PreflightRun } from './preflight.ts';

const latencySamples = 8;
/** From here on everything that asks for one thing after the other is felt. */
const slowAnswerMs = 500;
const lowFreeBytes = 2 ** 30;
const lowFreeShare = 0.05;
const lowFreeFiles = 10_000;
/** S3 refuses requests beyond 15 minutes, certificates and snapshots' times get wrong long before. */
const tolerableSkewMs = 60_000;
/** An access that ends within this time is to be renewed before the next weekend. */
const soonMs = 7 * 86_400_000;
const dayMs = 86_400_000;

export async function checkLatency(run: PreflightRun): Promise<void> {
  await run.check('latency', false, async () => {
    const times: number[] = [];
    const { signal } = run;
    for (let n = 0; n < latencySamples; n++) {
      times.push(await run.measure(() => run.backend.exists(run.probes.makeName('index'), { signal })));
    }
    times.sort((a, b) => a - b);
    const medianMs = round(times[latencySamples >> 1] ?? 0);
    const slowestMs = round(times.at(-1) ?? 0);
    const finding = { fact: `an answer takes ${medianMs} ms (the slowest ${slowestMs} ms)`, values: { medianMs, slowestMs } };
    if (medianMs < slowAnswerMs) return finding;
    return { ...finding, verdict: 'warning', hint: 'Keep the cache on, and use larger packs: --pack-size 64.' };
  });
}

export async function checkSpace(run: PreflightRun): Promise<void> {
  await run.check('space', false, async () => {
    const space = await run.backend.inspection?.space?.({ signal: run.signal });
    return space === undefined
      ? { verdict: 'unknown', fact: 'this kind of storage does not say how much room there is' }
      : spaceFinding(space);
  });
}

function spaceFinding(space: StorageSpace): Finding {
  const { freeBytes, totalBytes, usedBytes, quotaBytes, freeFiles } = space;
  const parts = [
    freeBytes === undefined ? undefined : `${sizeText(freeBytes)} are free`,
    totalBytes === undefined ? undefined : `of ${sizeText(totalBytes)}`,
    usedBytes === undefined ? undefined : `${sizeText(usedBytes)} are used`,
    quotaBytes === undefined ? undefined : `the quota is ${sizeText(quotaBytes)}`,
    freeFiles === undefined ? undefined : `room for ${freeFiles} more files`,
  ].filter((part) => part !== undefined);
  const fact = parts.join(', ').replace(' are free, of ', ' are free of ');
  const values = Object.fromEntries(Object.entries(space).filter(([, value]) => value !== undefined)) as Record<string, number>;
  if (freeBytes === 0 || freeFiles === 0) return { verdict: 'failed', fact, hint: 'Make room before the next backup.', values };
  const isLow = freeBytes !== undefined && (freeBytes < lowFreeBytes || freeBytes < (totalBytes ?? quotaBytes ?? 0) * lowFreeShare);
  if (!isLow && (freeFiles ?? lowFreeFiles) >= lowFreeFiles) return { fact, values };
  return { verdict: 'warning', fact, hint: 'Make room soon, or run prune.', values };
}

export async function checkClock(run: PreflightRun): Promise<void> {
  await run.check('clock', false, async () => {
    const reading = await run.backend.inspection?.clock?.({ signal: run.signal, mayWrite: run.mayWrite });
    if (reading === undefined) return { verdict: 'unknown', fact: 'this kind of storage does not say what its clock shows' };
    const aheadMs = Math.round(reading.aheadMs);
    const toleranceMs = Math.round(reading.toleranceMs);
    const values = { aheadMs, toleranceMs };
    const offMs = Math.max(0, Math.abs(aheadMs) - toleranceMs);
    if (offMs === 0)
      return { fact: `the clocks agree within ${Math.max(1, Math.ceil((Math.abs(aheadMs) + toleranceMs) / 1000))} s`, values };
    const fact = `the storage's clock is ${secondsText(Math.abs(aheadMs))} ${aheadMs > 0 ? 'ahead of' : 'behind'} this machine's`;
    if (offMs <= tolerableSkewMs) return { fact, values };
    return { verdict: 'warning', fact, hint: 'Set both clocks by NTP: locks, retention and signed requests rely on them.', values };
  });
}

export async function checkToken(run: PreflightRun): Promise<void> {
  await run.check('token', false, async () => {
    const token = await run.backend.inspection?.token?.({ signal: run.signal });
    return token === undefined ? undefined : tokenFinding(token, Number(run.clock.nowNs() / 1_000_000n));
  });
}

/** @param nowMs since 1970 */
export function tokenFinding(token: TokenState, nowMs: number): Finding {
  const { owner, service, expiresMs, isRenewable, forgottenMs } = token;
  const values = {
    owner,
    service,
    isRenewable,
    ...(expiresMs === undefined ? {} : { expires: new Date(expiresMs).toISOString() }),
    ...(forgottenMs === undefined ? {} : { forgotten: new Date(forgottenMs).toISOString() }),
  };
  const hint = `Renew the access: rclone config reconnect ${owner}:`;
  const whose = `the access of ${owner} to ${service}`;
  if (!isRenewable) {
    if (expiresMs === undefined) return { fact: `${whose} has no end`, values };
    if (expiresMs <= nowMs)
      return { verdict: 'failed', fact: `${whose} ended ${agoText(nowMs - expiresMs)} ago, and cannot renew itself`, hint, values };
    const verdict = expiresMs - nowMs < soonMs ? ('warning' as const) : ('ok' as const);
    return { verdict, fact: `${whose} ends in ${agoText(expiresMs - nowMs)}, and cannot renew itself`, hint, values };
  }
  if (forgottenMs !== undefined && forgottenMs - nowMs < soonMs) {
    const fact =
      forgottenMs <= nowMs
        ? `${whose} was not used for so long that the service has most likely forgotten it`
        : `${whose} was not used for long: the service forgets it in ${agoText(forgottenMs - nowMs)}`;
    return { verdict: 'warning', fact, hint: forgottenMs <= nowMs ? hint : 'Any use keeps it.', values };
  }
  const state =
    expiresMs === undefined
      ? ''
      : expiresMs <= nowMs
        ? ', its token has expired and is renewed with the first request'
        : `, its token lasts for ${agoText(expiresMs - nowMs)} more`;
  return { fact: `${whose} renews itself${state}`, values };
}

function agoText(ms: number): string {
  if (ms >= 2 * dayMs) return `${Math.floor(ms / dayMs)} days`;
  return ms >= 7_200_000 ? `${Math.floor(ms / 3_600_000)} hours` : `${Math.max(1, Math.round(ms / 60_000))} minutes`;
}

function secondsText(ms: number): string {
  return ms < 120_000 ? `${(ms / 1000).toFixed(1)} s` : `${Math.round(ms / 60_000)} minutes`;
}

function sizeText(bytes: number): string {
  const gib = bytes / 2 ** 30;
  return gib >= 1 ? `${gib.toFixed(1)} GiB` : `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}

function round(ms: number): number {
  return Math.round(ms * 10) / 10;
}
