/** Fails on purpose, at a call that the test names: storage that is broken, slow, cut short or lying. */
import { type Clock, systemClock } from '../../base/clock.ts';
import { HoldfastError } from '../../base/errors.ts';
import type { AdoptOptions, Backend, CallOptions, FileKind, ListedFile, LoadOptions, SaveOptions, StoredFile } from '../backend.ts';
import { ForwardingBackend } from '../forwarding-backend.ts';

export type FaultyOperation = 'create' | 'open' | 'save' | 'adopt' | 'load' | 'stat' | 'exists' | 'list' | 'remove' | 'stagingFolder';

export type Fault =
  /** `after`: the call has its effect, and only its answer is lost. */
  | { readonly kind: 'fail'; readonly error?: HoldfastError; readonly when?: 'before' | 'after' }
  | { readonly kind: 'delay'; readonly ms: number }
  /** Loads only: the last bytes are missing, and the storage does not say so. */
  | { readonly kind: 'short-read'; readonly missingBytes: number }
  /** Loads and saves: this bit, counted from the first byte's lowest, arrives turned over. */
  | { readonly kind: 'flip-bit'; readonly bit: number };

export interface PlannedFault {
  readonly operation: FaultyOperation;
  /** Counts and hits calls for this kind of file only. */
  readonly fileKind?: FileKind;
  /** Which of the calls so described is hit, 1 for the first. */
  readonly nth: number;
  /** How many calls in a row are hit from there on; 1 unless told, Infinity for all. */
  readonly times?: number;
  readonly fault: Fault;
}

export class FaultyBackend extends ForwardingBackend {
  readonly #plan: ReadonlyArray<{ readonly planned: PlannedFault; calls: number }>;
  readonly #clock: Clock;

  constructor(inner: Backend, plan: readonly PlannedFault[], clock: Clock = systemClock) {
    super(inner);
    this.#plan = plan.map((planned) => ({ planned, calls: 0 }));
    this.#clock = clock;
  }

  override create(options?: CallOptions): Promise<void> {
    return this.#call('create', undefined, options?.signal, () => super.create(options));
  }

  override open(options?: CallOptions): Promise<void> {
    return this.#call('open', undefined, options?.signal, () => super.open(options));
  }

  override save(file: StoredFile, bytes: Uint8Array, options?: SaveOptions): Promise<void> {
    return this.#call('save', file.kind, options?.signal, (faults) => super.save(file, flipBits(bytes, faults), options));
  }

  override adopt(file: StoredFile, stagedPath: string, options?: AdoptOptions): Promise<void> {
    return this.#call('adopt', file.kind, options?.signal, () => super.adopt(file, stagedPath, options));
  }

  override load(file: StoredFile, options?: LoadOptions): Promise<Buffer> {
    return this.#call('load', file.kind, options?.signal, async (faults) => {
      return cutShort(flipBits(await super.load(file, options), faults), faults);
    });
  }

  override stat(file: StoredFile, options?: CallOptions): Promise<{ readonly sizeBytes: number }> {
    return this.#call('stat', file.kind, options?.signal, () => super.stat(file, options));
  }

  override exists(file: StoredFile, options?: CallOptions): Promise<boolean> {
    return this.#call('exists', file.kind, options?.signal, () => super.exists(file, options));
  }

  override async *list(kind: FileKind, options?: CallOptions): AsyncGenerator<ListedFile> {
    const inner = await this.#call('list', kind, options?.signal, async () => super.list(kind, options));
    yield* inner;
  }

  override remove(file: StoredFile, options?: CallOptions): Promise<void> {
    return this.#call('remove', file.kind, options?.signal, () => super.remove(file, options));
  }

  override stagingFolder(options?: CallOptions): Promise<string> {
    return this.#call('stagingFolder', undefined, options?.signal, () => super.stagingFolder(options));
  }

  async #call<T>(
    operation: FaultyOperation,
    fileKind: FileKind | undefined,
    signal: AbortSignal | undefined,
    work: (faults: readonly Fault[]) => Promise<T>,
  ): Promise<T> {
    const faults = this.#faultsOf(operation, fileKind);
    for (const fault of faults) {
      if (fault.kind === 'delay') await this.#clock.sleep(fault.ms, signal);
    }
    throwPlanned(faults, 'before', operation);
    const result = await work(faults);
    throwPlanned(faults, 'after', operation);
    return result;
  }

  #faultsOf(operation: FaultyOperation, fileKind: FileKind | undefined): Fault[] {
    const due: Fault[] = [];
    for (const entry of this.#plan) {
      const { planned } = entry;
      if (planned.operation !== operation || (planned.fileKind !== undefined && planned.fileKind !== fileKind)) continue;
      entry.calls += 1;
      if (entry.calls >= planned.nth && entry.calls < planned.nth + (planned.times ?? 1)) due.push(planned.fault);
    }
    return due;
  }
}

function throwPlanned(faults: readonly Fault[], when: 'before' | 'after', operation: FaultyOperation): void {
  for (const fault of faults) {
    if (fault.kind !== 'fail' || (fault.when ?? 'before') !== when) continue;
    throw fault.error ?? new HoldfastError('storage-failed', `planned failure of ${operation}`, { isRetryable: true });
  }
}

function flipBits<T extends Uint8Array>(bytes: T, faults: readonly Fault[]): T | Buffer {
  const bits = faults.flatMap((fault) => (fault.kind === 'flip-bit' ? [fault.bit] : []));
  if (bits.length === 0) return bytes;
  const copy = Buffer.from(bytes);
  for (const bit of bits) {
    const position = bit >>> 3;
    copy[position] = (copy[position] ?? 0) ^ (1 << (bit & 7));
  }
  return copy;
}

function cutShort(bytes: Buffer, faults: readonly Fault[]): Buffer {
  const missing = faults.reduce((sum, fault) => sum + (fault.kind === 'short-read' ? fault.missingBytes : 0), 0);
  return bytes.subarray(0, Math.max(0, bytes.length - missing));
}
