/**
 * Asks a place everything that a repository needs of it, through the contract of backends alone, and so of every kind of storage.
 *
 * Nothing that is there is changed: what is written has names of its own and is taken away again, also after a failure and a signal.
 * What files are written, and why those do no harm to others, says probe-files.ts.
 */
import { throwIfCancelled } from '../../base/cancellation.ts';
import type { Clock, Randomness } from '../../base/clock.ts';
import { asHoldfastError, type HoldfastError } from '../../base/errors.ts';
import { type Backend, describeFile } from '../../storage/backend.ts';
import {
  failureFinding,
  type Finding,
  type PreflightLine,
  type PreflightReport,
  type PreflightTopic,
  type Rights,
} from './preflight-line.ts';
import { type PreparedPlace, preparePlace } from './prepared-place.ts';
import { ProbeFiles } from './probe-files.ts';
import { checkReading } from './reading-checks.ts';
import { checkClock, checkLatency, checkSpace, checkToken } from './surrounding-checks.ts';
import { checkAppending, checkWriting } from './writing-checks.ts';

export interface PreflightOptions {
  /** Nothing is written: for a place that is only to be read from. */
  readonly isReadOnly: boolean;
  readonly onLine: (line: PreflightLine) => void;
  readonly clock: Clock;
  readonly random: Randomness;
  readonly signal: AbortSignal;
}

/** Closes the backend. @throws HoldfastError `cancelled` only: everything else is a line */
export async function preflight(backend: Backend, options: PreflightOptions): Promise<PreflightReport> {
  const run = new PreflightRun(backend, options);
  try {
    await run.all();
  } finally {
    await run.cleanUp();
  }
  throwIfCancelled(options.signal);
  return run.report();
}

export class PreflightRun {
  readonly backend: Backend;
  readonly clock: Clock;
  readonly random: Randomness;
  readonly signal: AbortSignal;
  readonly probes: ProbeFiles;
  readonly #options: PreflightOptions;
  readonly #lines: PreflightLine[] = [];
  #hasRepository: boolean | undefined;
  #rights: Rights = 'unknown';
  #place: PreparedPlace | undefined;

  constructor(backend: Backend, options: PreflightOptions) {
    this.backend = backend;
    this.#options = options;
    this.clock = options.clock;
    this.random = options.random;
    this.signal = options.signal;
    this.probes = new ProbeFiles(backend, options.random);
  }

  get mayWrite(): boolean {
    return !this.#options.isReadOnly;
  }

  get hasRepository(): boolean {
    return this.#hasRepository === true;
  }

  report(): PreflightReport {
    const isFit = this.#lines.every(({ isNeeded, verdict }) => !isNeeded || verdict !== 'failed');
    return { lines: this.#lines, hasRepository: this.#hasRepository, rights: this.#rights, isFit };
  }

  async all(): Promise<void> {
    // First, for it may be why nothing else works.
    await checkToken(this);
    if (!(await this.#reach())) return;
    if (this.hasRepository) await this.check('list', true, () => this.#list());
    if (this.#options.isReadOnly) await this.#onlyRead('it was said that nothing is to be written');
    else await this.#withWriting();
    await checkLatency(this);
    await checkSpace(this);
    await checkClock(this);
  }

  /** Never fails: the last line says what could not be taken away. */
  async cleanUp(): Promise<void> {
    const left = await this.probes.removeAll();
    // What it has put into folders goes with it.
    await this.backend.close().catch(() => {});
    const isFolderLeft = (await this.#place?.restore().catch(() => true)) === true;
    for (const { file, error } of left) {
      this.add('cleanup', false, {
        verdict: 'warning',
        fact: `${describeFile(file)}, a file of this preflight, is still there: ${error.message}`,
        hint: 'No program minds it, but it can be removed.',
      });
    }
    if (left.length === 0 && isFolderLeft) {
      this.add('cleanup', false, { fact: 'the folders of an empty repository are there now; init will use them' });
    }
  }

  add(topic: PreflightTopic, isNeeded: boolean, finding: Finding): void {
    const line = { topic, isNeeded, ...finding, verdict: finding.verdict ?? 'ok' };
    this.#lines.push(line);
    this.#options.onLine(line);
  }

  /** A failure of `work` becomes a line. @returns whether it went well */
  async check(topic: PreflightTopic, isNeeded: boolean, work: () => Promise<Finding | undefined>): Promise<boolean> {
    throwIfCancelled(this.signal);
    try {
      const finding = await work();
      if (finding !== undefined) this.add(topic, isNeeded, finding);
      return finding?.verdict !== 'failed';
    } catch (thrown) {
      throwIfCancelled(this.signal);
      const error = asHoldfastError(thrown);
      this.add(topic, isNeeded, failureFinding(error, isNeeded ? 'failed' : 'unknown'));
      return false;
    }
  }

  /** Milliseconds that `work` takes. */
  async measure(work: () => Promise<unknown>): Promise<number> {
    const startMs = this.clock.monotonicMs();
    await work();
    return this.clock.monotonicMs() - startMs;
  }

  async #reach(): Promise<boolean> {
    return await this.check('reach', true, async () => {
      let error: HoldfastError | undefined;
      const ms = await this.measure(async () => {
        error = await this.backend.open({ signal: this.signal }).then(() => undefined, asHoldfastError);
      });
      if (error !== undefined && error.code !== 'repository-missing') throw error;
      this.#hasRepository = error === undefined;
      const what = this.#hasRepository ? 'there is a repository' : 'there is no repository yet';
      return { fact: `${what}; the first answer came after ${Math.round(ms)} ms`, values: { firstAnswerMs: Math.round(ms) } };
    });
  }

  async #list(): Promise<Finding> {
    const counts: string[] = [];
    for (const kind of ['key', 'snapshot', 'lock'] as const) {
      let count = 0;
      for await (const _ of this.backend.list(kind, { signal: this.signal, namesOnly: true })) count++;
      counts.push(`${count} ${kind}${count === 1 ? '' : 's'}`);
    }
    return { fact: `files can be listed: ${counts.join(', ')}` };
  }

  async #withWriting(): Promise<void> {
    if (!this.hasRepository && !(await this.check('write', true, () => this.#prepare()))) {
      this.#rights = this.#lines.at(-1)?.code === 'storage-denied' ? 'read-only' : 'unknown';
      return;
    }
    // Where there is nothing yet, there are folders from here on.
    if (!this.hasRepository) await this.check('list', true, () => this.#list());
    const isAppendOnly = await this.#isRemovalDenied();
    const canWrite = await (isAppendOnly ? checkAppending(this) : checkWriting(this));
    if (!canWrite) {
      this.#rights = this.#lines.some(({ topic, code }) => topic === 'write' && code === 'storage-denied') ? 'read-only' : 'unknown';
      return await this.#onlyRead('nothing could be written');
    }
    const isReadingDenied = this.#lines.some(({ topic, code }) => topic === 'throughput' && code === 'storage-denied');
    this.#rights = isReadingDenied ? 'write-only' : isAppendOnly ? 'append-only' : 'full';
  }

  async #prepare(): Promise<undefined> {
    this.#place = await preparePlace(this.backend, { signal: this.signal });
  }

  /** Asked with a name that nothing has: an append-only server refuses that too, and then nothing is written that would stay. */
  async #isRemovalDenied(): Promise<boolean> {
    try {
      await this.backend.remove(this.probes.makeName('pack'), { signal: this.signal });
      return false;
    } catch (error) {
      throwIfCancelled(this.signal);
      return asHoldfastError(error).code === 'storage-denied';
    }
  }

  async #onlyRead(reason: string): Promise<void> {
    if (this.#options.isReadOnly) this.add('write', false, { verdict: 'skipped', fact: `not tried: ${reason}` });
    await checkReading(this);
  }
}
