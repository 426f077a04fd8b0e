/** The clock of a server, as the head of an answer shows it. */
import type { ClockReading } from './inspection.ts';

/** It is in whole seconds (RFC 9110, "Date"): on average half of one has passed. */
const halfSecondMs = 500;

/** @param beforeMs, afterMs this machine's time before the question and after the answer. Undefined for an answer without a time */
export function readHttpClock(date: string | undefined, beforeMs: number, afterMs: number): ClockReading | undefined {
  const serverMs = Date.parse(date ?? '');
  if (Number.isNaN(serverMs)) return undefined;
  const aheadMs = serverMs + halfSecondMs - (beforeMs + afterMs) / 2;
  return { aheadMs, toleranceMs: halfSecondMs + (afterMs - beforeMs) / 2 };
}
