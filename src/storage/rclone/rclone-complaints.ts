/** What rclone writes to its standard error: told to the person, and read for what a failure means. */
import type { Clock } from '../../base/clock.ts';
import { HoldfastError } from '../../base/errors.ts';
import type { EventSink } from '../../base/events.ts';
import type { EndMeaning, ProgramEnd } from '../stdio-program.ts';
import { asReason } from '../stdio-program.ts';

/** The same line again and again says nothing new. */
const quietMs = 60_000;
const maxRemembered = 100;
/** What was said so long ago is not why a request fails now. */
const relevantMs = 60_000;
const maxLineLength = 500;

/** `2026/11/21 07:00:00 `, which rclone puts before its messages. */
const timestamp = /^\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d /;
/** rclone's own words, and those of OAuth (RFC 6749, 5.2) that it passes on. */
const refusal =
  /invalid_grant|invalid_client|unauthorized_client|invalid_token|access_denied|no refresh token|empty token found|maybe (?:it has|token) expired|config reconnect/;
/** A service that cannot be reached has refused nothing. */
const networkTrouble =
  /dial tcp|connection (?:refused|reset)|no such host|i\/o timeout|network is unreachable|TLS handshake|context deadline|server misbehaving/;

/** A folder that is asked for and not there says that there is no repository yet; at its end rclone counts that as its failure. */
const expected = /^(?:ERROR|NOTICE) *: (?:locks: error listing: directory not found|Failed to restic\b)|^NOTICE: Failed to restic\b/;

export interface RcloneComplaintsOptions {
  /** As the person calls it, without colon and path. */
  readonly remote: string;
  readonly events: EventSink;
  readonly clock: Clock;
}

export class RcloneComplaints {
  readonly #options: RcloneComplaintsOptions;
  readonly #told = new Map<string, number>();
  #refusedMs = Number.NEGATIVE_INFINITY;
  #refusal = '';

  constructor(options: RcloneComplaintsOptions) {
    this.#options = options;
  }

  readonly hear = (line: string): void => {
    const { events, clock } = this.#options;
    const text = line.replace(timestamp, '').trim().slice(0, maxLineLength);
    if (text === '' || expected.test(text)) return;
    const nowMs = clock.monotonicMs();
    if (isRefusal(text)) [this.#refusedMs, this.#refusal] = [nowMs, text];
    if (nowMs - (this.#told.get(text) ?? Number.NEGATIVE_INFINITY) < quietMs) return;
    if (this.#told.size >= maxRemembered) this.#told.clear();
    this.#told.set(text, nowMs);
    events({ kind: 'warning', message: `rclone: ${text}` });
  };

  readonly explainFailure = (what: string): HoldfastError | undefined => {
    if (this.#options.clock.monotonicMs() - this.#refusedMs > relevantMs) return undefined;
    const { code, fact, hint } = this.#refused(this.#refusal);
    return new HoldfastError(code, `${what} failed: ${fact}`, hint === undefined ? {} : { hint });
  };

  readonly explainEnd = (end: ProgramEnd): EndMeaning | undefined => {
    const { complaint, exitCode, signal } = end;
    if (isRefusal(complaint)) return this.#refused(lastLine(complaint, isRefusal));
    const known = knownEnds.find(({ pattern }) => pattern.test(complaint));
    if (known !== undefined) return { ...known.meaning, fact: `${known.meaning.fact}${asReason(withoutTimes(complaint))}` };
    if (exitCode === null || exitCode === 0 || signal !== null || exitCode === missingProgramCode) return undefined;
    const isRetryable = exitCode === temporaryCode || networkTrouble.test(complaint);
    return { code: 'storage-failed', fact: `rclone ended with exit code ${exitCode}${asReason(withoutTimes(complaint))}`, isRetryable };
  };

  #refused(said: string): EndMeaning {
    const { remote } = this.#options;
    return {
      code: 'token-refused',
      fact: `the service of ${remote} refuses to renew the access (rclone: ${fromReason(said)})`,
      hint: `Log in again with: rclone config reconnect ${remote}:`,
    };
  }
}

const missingProgramCode = 127;
/** rclone's exit code for errors that another try might fix. */
const temporaryCode = 5;

const knownEnds: readonly { readonly pattern: RegExp; readonly meaning: EndMeaning }[] = [
  {
    pattern: /didn't find section in config file|didn't find backend called/,
    meaning: {
      code: 'storage-failed',
      fact: 'rclone knows no remote of that name',
      hint: 'Compare it with `rclone listremotes`. RCLONE_CONFIG, or -o rclone.args with --config, names another configuration.',
    },
  },
  {
    pattern: /unable to decrypt configuration|couldn't decrypt configuration/,
    meaning: {
      code: 'storage-denied',
      fact: 'the configuration of rclone is encrypted, and the password for it is missing or wrong',
      hint: 'Set RCLONE_CONFIG_PASS, or RCLONE_PASSWORD_COMMAND to a program that prints the password.',
    },
  },
];

/** Before it stands which request of which address failed. */
function fromReason(said: string): string {
  const at = said.search(/couldn't fetch token|token expired and|empty token found|\{"error"|oauth2:/);
  return said.slice(Math.max(0, at), Math.max(0, at) + maxLineLength).replace(timestamp, '');
}

function isRefusal(text: string): boolean {
  return text.split('\n').some((line) => refusal.test(line) && !networkTrouble.test(line));
}

function lastLine(text: string, matches: (line: string) => boolean): string {
  return text.split('\n').findLast(matches) ?? '';
}

function withoutTimes(complaint: string): string {
  return complaint
    .split('\n')
    .map((line) => line.replace(timestamp, ''))
    .join('\n');
}
