/** A moment by both clocks: by the one that goes on while the machine sleeps, and by the one that nobody sets back. */
import type { Clock } from '../../base/clock.ts';

export interface Instant {
  readonly nowNs: bigint;
  readonly monotonicMs: number;
}

export function instantOf(clock: Clock): Instant {
  return { nowNs: clock.nowNs(), monotonicMs: clock.monotonicMs() };
}

/** How long ago that was, by whichever clock says more. */
export function elapsedMs(clock: Clock, since: Instant): number {
  return Math.max(Number((clock.nowNs() - since.nowNs) / 1_000_000n), clock.monotonicMs() - since.monotonicMs);
}
