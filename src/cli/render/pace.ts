/** How often progress is shown. */
import type { Environment } from '../environment.ts';

const maxPerSecond = 60;

/** Milliseconds between two shows that PROGRESS_FPS asks for; undefined when it asks for nothing usable. */
export function requestedIntervalMs(environment: Environment): number | undefined {
  const perSecond = Number(environment.find('PROGRESS_FPS')?.value);
  return perSecond > 0 ? 1000 / Math.min(maxPerSecond, perSecond) : undefined;
}
