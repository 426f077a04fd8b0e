/** Has every pack read and proved by the workers. */
import { setImmediate } from 'node:timers/promises';
import { throwIfCancelled } from '../../base/cancellation.ts';
import { asHoldfastError } from '../../base/errors.ts';
import type { Backend } from '../../storage/backend.ts';
import type { CheckRequest, CheckResponse, PackRequest, PackResponse } from '../../workers/check/messages.ts';
import type { PackJobs } from '../../workers/check/pack-job.ts';
import { type CheckProblem, errorProblem } from '../../workers/check/problem.ts';
import type { WorkerPool } from '../../workers/pool.ts';
import type { StoredPack } from './check-packs.ts';
import type { ProblemList } from './report.ts';

/** How long this thread works on a pack before it looks after the others: their next requests wait at the workers meanwhile. */
const sliceMs = 10;
/** Packs that are fetched at once from a storage that is not local: each is in memory as a whole. */
const fetchesAtOnce = 4;
/** One at work, and more in wait for the time that this thread is busy itself. */
const requestsPerWorker = 3;
/** restic makes packs of 128 MiB at most; one that is larger by far is no pack, and is not fetched into memory. */
const maxFetchedBytes = 512 << 20;

export interface PackReadingOptions {
  readonly backend: Backend;
  readonly pool: WorkerPool<CheckRequest, CheckResponse>;
  readonly problems: ProblemList;
  /** Workers open the packs themselves. */
  readonly isLocal: boolean;
  readonly signal: AbortSignal | undefined;
  readonly packs: readonly StoredPack[];
  /** Called for each pack that was read and is right. */
  readonly onProved: ((pack: string) => void) | undefined;
  /** Lets this thread check packs too, which costs less memory than a further worker. */
  readonly jobs: PackJobs;
}

export class PackReading {
  readonly bytesTotal: number;
  readonly #options: PackReadingOptions;
  #bytesRead = 0;
  #packsRead = 0;

  constructor(options: PackReadingOptions) {
    this.#options = options;
    this.bytesTotal = options.packs.reduce((sum, pack) => sum + pack.sizeBytes, 0);
  }

  get packCount(): number {
    return this.#options.packs.length;
  }

  get packsRead(): number {
    return this.#packsRead;
  }

  get bytesRead(): number {
    return this.#bytesRead;
  }

  async run(): Promise<void> {
    const { packs, pool, isLocal } = this.#options;
    const queue = packs.values();
    const lane = async (read: (pack: StoredPack) => Promise<PackResponse>): Promise<void> => {
      for (const pack of queue) this.#take(pack, await read(pack));
    };
    const fetched = (pack: StoredPack) => this.#fetchPack(pack);
    const asked = async (pack: StoredPack) => (await pool.run({ kind: 'pack', group: pack.group })) as PackResponse;
    const lanes = isLocal ? new Array(pool.workerCount * requestsPerWorker).fill(asked) : new Array(fetchesAtOnce).fill(fetched);
    await Promise.all([...lanes.map(lane), ...(isLocal ? [lane((pack) => this.#readHere(pack))] : [])]);
  }

  #take(pack: StoredPack, response: PackResponse): void {
    if (response.problems.length === 0) this.#options.onProved?.(pack.id);
    for (const problem of response.problems) this.#options.problems.add(problem);
    this.#bytesRead += response.bytesRead;
    this.#packsRead++;
  }

  async #readHere({ group }: StoredPack): Promise<PackResponse> {
    const steps = this.#options.jobs.run({ kind: 'pack', group });
    try {
      for (let untilMs = performance.now() + sliceMs; ; ) {
        const step = steps.next();
        if (step.done === true) return step.value;
        if (performance.now() < untilMs) continue;
        await setImmediate();
        throwIfCancelled(this.#options.signal);
        untilMs = performance.now() + sliceMs;
      }
    } finally {
      // Closes the pack when it was not read to its end.
      steps.return({ kind: 'pack', problems: [], bytesRead: 0 });
    }
  }

  /** Bytes that are wrong are fetched once more: only wrong twice is damage of what is stored. */
  async #fetchPack(pack: StoredPack): Promise<PackResponse> {
    const first = await this.#tryFetched(pack);
    if (first.problems.length === 0) return first;
    const second = await this.#tryFetched(pack);
    if (second.problems.length > 0) return second;
    const message = `pack ${pack.id} was right the second time it was fetched, but wrong the first: ${first.problems[0]?.message ?? ''}`;
    return { ...second, problems: [errorProblem('pack-unstable', message, { pack: pack.id })] };
  }

  async #tryFetched({ id, group, sizeBytes }: StoredPack): Promise<PackResponse> {
    const { backend, pool, signal } = this.#options;
    try {
      const bytes = await backend.load({ kind: 'pack', name: id }, { maxBytes: Math.min(sizeBytes, maxFetchedBytes), signal });
      const request: PackRequest = { kind: 'pack', group, bytes };
      return (await pool.run(request)) as PackResponse;
    } catch (thrown) {
      const error = asHoldfastError(thrown);
      if (error.code === 'cancelled' || error.code === 'internal') throw error;
      return { kind: 'pack', problems: [unreadable(id, error.message)], bytesRead: 0 };
    }
  }
}

function unreadable(pack: string, reason: string): CheckProblem {
  return errorProblem('pack-unreadable', `pack ${pack} cannot be read: ${reason}`, { pack });
}
