/** What a preflight says: one line for each question. */
import type { ErrorCode, HoldfastError } from '../../base/errors.ts';

export const preflightTopics = [
  'reach',
  'token',
  'list',
  'write',
  'read',
  'ranges',
  'listing',
  'atomicity',
  'throughput',
  'latency',
  'remove',
  'space',
  'clock',
  'cleanup',
] as const;
export type PreflightTopic = (typeof preflightTopics)[number];

/** ok · warning: it works, and somebody should look · failed · unknown: nobody can tell · skipped: it was not tried, and the fact says why */
export type Verdict = 'ok' | 'warning' | 'failed' | 'unknown' | 'skipped';

export interface Finding {
  /** `ok` unless told. */
  readonly verdict?: Verdict;
  /** A lowercase fact. */
  readonly fact: string;
  /** What to do about it: full sentences. */
  readonly hint?: string | undefined;
  /** What was measured: units are in the names. */
  readonly values?: Readonly<Record<string, number | string | boolean>>;
  readonly code?: ErrorCode;
}

export interface PreflightLine extends Finding {
  readonly topic: PreflightTopic;
  readonly verdict: Verdict;
  /** Without it the place is of no use: `failed` here fails the whole. */
  readonly isNeeded: boolean;
}

/**
 * full · append-only: what was written stays, but for locks · write-only: and packs cannot be read · read-only: nothing can be written · unknown: it was not tried, or
 * could not be found out
 */
export type Rights = 'full' | 'append-only' | 'write-only' | 'read-only' | 'unknown';

export interface PreflightReport {
  readonly lines: readonly PreflightLine[];
  readonly hasRepository: boolean | undefined;
  readonly rights: Rights;
  /** No needed line failed. */
  readonly isFit: boolean;
}

export function failureFinding(error: HoldfastError, verdict: Verdict): Finding {
  return { verdict, fact: error.message, hint: error.hint, code: error.code };
}

/** The storage does not do what it must. */
export function wrong(fact: string, hint = 'Do not use this place as it is.'): Finding {
  return { verdict: 'failed', fact, hint };
}
