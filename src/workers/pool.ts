/**
 * A pool of worker threads that take requests and answer each with a response.
 *
 * A worker is synchronous inside: it takes one request, does it with blocking calls, answers, takes the next. A few
 * requests wait at each worker so that it never idles between two.
 */
import { getCompileCacheDir } from 'node:module';
import { dirname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { cancellationOf } from '../base/cancellation.ts';
import { asHoldfastError, HoldfastError, fromErrorRecord } from '../base/errors.ts';
import { Fifo } from './fifo.ts';
import { endOfWork, type FromWorker, type ToWorker } from './protocol.ts';

export interface PoolOptions<Notice, Response = unknown> {
  /** The worker's entry file. */
  readonly entry: URL;
  readonly workerCount: number;
  /** Workers to begin with, all unless told; the others start when requests have been waiting for workers for a while. */
  readonly firstWorkers?: number;
  /** Structured-cloned to each worker as its `workerData`. */
  readonly workerData: (worker: number) => unknown;
  /** What a worker says between request and response. */
  readonly onNotice?: (notice: Notice, worker: number) => void;
  /** Requests at a worker at once, the running one included. */
  readonly depth?: number;
  /**
   * One Int32 that the pool keeps at the number of further requests it would like to have, so that no worker runs dry;
   * workers that can share their work read it.
   */
  readonly hunger?: Int32Array;
  /** One Int32 that becomes 1 when nobody waits for answers any more: requests that take long look at it, and end early. */
  readonly stop?: Int32Array;
  /** Gets answers that come after that, when they hold something that must be given back. */
  readonly onLateResponse?: (response: Response) => void;
  readonly signal?: AbortSignal | undefined;
  /** How long `close` waits for what runs before it terminates threads; see `endOfWork`. */
  readonly patienceMs?: number;
}

/** Requests take a second at most; a storage that hangs takes longer than anybody would wait. */
const defaultPatienceMs = 10_000;
/**
 * Young generation of a worker's heap. Smaller, and what lives for one directory grows old and has to be swept; larger, and it only
 * takes memory: blob bytes live outside the heap.
 */
const youngGenerationMb = 12;
const defaultDepth = 2;
/** A start costs some 100 ms of processor time: work that is done soon gets no further worker. */
const growAfterMs = 40;

interface Waiting<Request, Response> {
  readonly request: Request;
  readonly resolve: (response: Response) => void;
  readonly reject: (error: HoldfastError) => void;
}

interface Member<Response> {
  /** Set up, so that it may be given requests. */
  isReady: boolean;
  isUsed: boolean;
  readonly thread: Worker;
  readonly ended: Promise<void>;
  readonly running: Map<number, Waiting<unknown, Response>>;
}

export class WorkerPool<Request, Response, Notice = never> implements AsyncDisposable {
  readonly #options: PoolOptions<Notice, Response>;
  readonly #members: Member<Response>[] = [];
  readonly #queue = new Fifo<Waiting<Request, Response>>();
  readonly #urgent = new Fifo<Waiting<Request, Response>>();
  #setUpRequest: Request | undefined;
  #busySinceMs = Infinity;
  #isLookingSoon = false;
  #nextRequest = 0;
  #failure: HoldfastError | undefined;
  #isClosed = false;

  constructor(options: PoolOptions<Notice, Response>) {
    this.#options = options;
    const { workerCount, firstWorkers = workerCount } = options;
    for (let index = 0; index < Math.min(workerCount, firstWorkers); index++) this.#members.push(this.#start(index, true));
    const { signal } = options;
    if (signal?.aborted === true) this.#fail(cancellationOf(signal));
    signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  get workerCount(): number {
    return this.#options.workerCount;
  }

  /** Requests that no worker has been given yet. */
  get queuedCount(): number {
    return this.#queue.length + this.#urgent.length;
  }

  /** Runs a request on whichever worker is free first; an urgent one before all that are not. */
  run(request: Request, order: 'in-turn' | 'urgent' = 'in-turn'): Promise<Response> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) return reject(this.#failure);
      (order === 'urgent' ? this.#urgent : this.#queue).push({ request, resolve, reject });
      this.#dispatch();
    });
  }

  /** Starts those workers that are still to come: for work that is known to be long. */
  startAll(): void {
    while (this.#members.length < this.#options.workerCount && this.#failure === undefined) this.#addMember();
  }

  /** Runs a request on every worker before all others; on those, too, that start later. */
  async setUp(request: Request): Promise<void> {
    this.#setUpRequest = request;
    await this.runOnAll(request);
  }

  /** Runs a request once on every worker that there is. */
  runOnAll(request: Request): Promise<Response[]> {
    return Promise.all(this.#members.map((member) => this.#runOn(member, request)));
  }

  /** Runs a request once on every worker that was given work before. */
  runOnUsed(request: Request): Promise<Response[]> {
    return Promise.all(this.#members.filter((member) => member.isUsed).map((member) => this.#runOn(member, request)));
  }

  #runOn(member: Member<Response>, request: Request): Promise<Response> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) return reject(this.#failure);
      this.#post(member, { request, resolve, reject });
    });
  }

  /** Ends the threads, each after what it is doing; requests that are open, or come later, are rejected. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#options.signal?.removeEventListener('abort', this.#onAbort);
    this.#fail(new HoldfastError('cancelled', 'the worker pool was closed'));
    const terminate = (): void => this.#members.forEach(({ thread }) => void thread.terminate());
    const timer = setTimeout(terminate, this.#options.patienceMs ?? defaultPatienceMs);
    for (const { thread } of this.#members) thread.postMessage(endOfWork);
    await Promise.all(this.#members.map(({ ended }) => ended));
    clearTimeout(timer);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #start(index: number, isReady: boolean): Member<Response> {
    const thread = new Worker(this.#options.entry, {
      workerData: this.#options.workerData(index),
      env: workerEnvironment(),
      // Packs that are open when the thread ends, or is ended, are closed with it.
      trackUnmanagedFds: true,
      resourceLimits: { maxYoungGenerationSizeMb: youngGenerationMb },
    });
    const { promise: ended, resolve: noteEnd } = Promise.withResolvers<void>();
    const member: Member<Response> = { isReady, isUsed: false, thread, ended, running: new Map() };
    thread.on('message', (message: FromWorker<Response, Notice>) => this.#receive(member, index, message));
    thread.on('error', (error) => this.#fail(asHoldfastError(error)));
    thread.on('messageerror', (error) => this.#fail(asHoldfastError(error)));
    thread.on('exit', (code) => {
      noteEnd();
      if (!this.#isClosed) this.#fail(new HoldfastError('internal', `a worker thread ended with code ${code}`));
    });
    return member;
  }

  #receive(member: Member<Response>, index: number, message: FromWorker<Response, Notice>): void {
    if (message.kind === 'notice') {
      this.#notify(message.notice, index);
      return;
    }
    const waiting = member.running.get(message.id);
    member.running.delete(message.id);
    this.#dispatch();
    if (message.kind === 'failure') waiting?.reject(fromErrorRecord(message.error));
    else if (waiting === undefined) this.#options.onLateResponse?.(message.response);
    else waiting.resolve(message.response);
  }

  #notify(notice: Notice, index: number): void {
    try {
      this.#options.onNotice?.(notice, index);
    } catch (error) {
      this.#fail(asHoldfastError(error));
    }
  }

  #dispatch(): void {
    this.#dispatchQueued();
    this.#growIfBusy();
    const { hunger } = this.#options;
    if (hunger !== undefined) Atomics.store(hunger, 0, this.#wantedRequests());
  }

  /** Starts one more worker when requests have been waiting for long enough that it pays. */
  #growIfBusy(): void {
    if (this.queuedCount === 0) this.#busySinceMs = Infinity;
    else if (this.#busySinceMs === Infinity) this.#busySinceMs = performance.now();
    const mayGrow = this.queuedCount > 0 && this.#members.length < this.#options.workerCount && this.#failure === undefined;
    if (!mayGrow) return;
    this.#lookAgainSoon();
    if (performance.now() - this.#busySinceMs < growAfterMs) return;
    this.#addMember();
  }

  #addMember(): void {
    const member = this.#start(this.#members.length, this.#setUpRequest === undefined);
    this.#members.push(member);
    if (this.#setUpRequest !== undefined) this.#setUpLate(member, this.#setUpRequest);
  }

  /** The requests that keep all workers busy may take minutes, and until then nothing else would ask. */
  #lookAgainSoon(): void {
    if (this.#isLookingSoon) return;
    this.#isLookingSoon = true;
    const look = (): void => {
      this.#isLookingSoon = false;
      this.#dispatch();
    };
    setTimeout(look, growAfterMs).unref();
  }

  #setUpLate(member: Member<Response>, request: Request): void {
    const started = (): void => {
      member.isReady = true;
      this.#dispatch();
    };
    this.#runOn(member, request).then(started, (error: unknown) => this.#fail(asHoldfastError(error)));
  }

  #wantedRequests(): number {
    const idle = this.#members.filter((member) => member.running.size === 0).length;
    return Math.max(0, idle + this.#members.length - this.queuedCount);
  }

  #dispatchQueued(): void {
    const depth = this.#options.depth ?? defaultDepth;
    // Breadth first: every worker gets one request before any gets its second.
    for (let level = 0; level < depth; level++) {
      for (const member of this.#members) {
        if (!member.isReady || member.running.size !== level) continue;
        const next = this.#urgent.shift() ?? this.#queue.shift();
        if (next === undefined) return;
        member.isUsed = true;
        this.#post(member, next);
      }
    }
  }

  #post(member: Member<Response>, waiting: Waiting<Request, Response>): void {
    const id = this.#nextRequest++;
    member.running.set(id, waiting);
    const message: ToWorker<Request> = { id, request: waiting.request };
    member.thread.postMessage(message);
  }

  readonly #onAbort = (): void => {
    if (this.#options.signal !== undefined) this.#fail(cancellationOf(this.#options.signal));
  };

  #fail(error: HoldfastError): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    if (this.#options.stop !== undefined) Atomics.store(this.#options.stop, 0, 1);
    this.#rejectAll(error);
  }

  #rejectAll(error: HoldfastError): void {
    for (const member of this.#members) {
      for (const waiting of member.running.values()) waiting.reject(error);
      member.running.clear();
    }
    for (const queue of [this.#urgent, this.#queue]) {
      for (let waiting = queue.shift(); waiting !== undefined; waiting = queue.shift()) waiting.reject(error);
    }
  }
}

/** Threads use the program's cache of compiled code, if it has one: a start takes half the time with it. */
function workerEnvironment(): NodeJS.ProcessEnv {
  const folder = getCompileCacheDir();
  // The folder in use is one for this version of Node inside of the one that was named.
  return folder === undefined ? process.env : { ...process.env, NODE_COMPILE_CACHE: dirname(folder) };
}
