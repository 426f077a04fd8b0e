/** At most so many calls at once: for storages that count connections or slow down under many. Locks go before, as in restic. */
import type {
  AdoptOptions,
  Backend,
  BackendCapabilities,
  CallOptions,
  FileKind,
  ListedFile,
  ListOptions,
  LoadOptions,
  SaveOptions,
  StoredFile,
} from '../backend.ts';
import { ForwardingBackend } from '../forwarding-backend.ts';
import { RequestTurns } from '../request-turns.ts';

export class ConnectionLimitBackend extends ForwardingBackend {
  readonly #turns: RequestTurns;

  constructor(inner: Backend, connections: number) {
    super(inner);
    this.#turns = new RequestTurns(connections);
  }

  /** Whoever opened the files behind our back would not be counted. */
  override get capabilities(): BackendCapabilities {
    return { ...this.inner.capabilities, localFiles: false };
  }

  override pathOf(file: StoredFile): undefined {
    this.inner.pathOf(file);
  }

  override create(options?: CallOptions): Promise<void> {
    return this.#inTurn(undefined, options, () => super.create(options));
  }

  override open(options?: CallOptions): Promise<void> {
    return this.#inTurn(undefined, options, () => super.open(options));
  }

  override save(file: StoredFile, bytes: Uint8Array, options?: SaveOptions): Promise<void> {
    return this.#inTurn(file, options, () => super.save(file, bytes, options));
  }

  override adopt(file: StoredFile, stagedPath: string, options?: AdoptOptions): Promise<void> {
    return this.#inTurn(file, options, () => super.adopt(file, stagedPath, options));
  }

  override load(file: StoredFile, options?: LoadOptions): Promise<Buffer> {
    return this.#inTurn(file, options, () => super.load(file, options));
  }

  override stat(file: StoredFile, options?: CallOptions): Promise<{ readonly sizeBytes: number }> {
    return this.#inTurn(file, options, () => super.stat(file, options));
  }

  override exists(file: StoredFile, options?: CallOptions): Promise<boolean> {
    return this.#inTurn(file, options, () => super.exists(file, options));
  }

  override remove(file: StoredFile, options?: CallOptions): Promise<void> {
    return this.#inTurn(file, options, () => super.remove(file, options));
  }

  /** The turn is held for each step alone: whoever lists may remove what it finds. */
  override async *list(kind: FileKind, options?: ListOptions): AsyncGenerator<ListedFile> {
    const listing = super.list(kind, options)[Symbol.asyncIterator]();
    const next = () => this.#inTurn({ kind, name: '' }, options, () => listing.next());
    try {
      for (let step = await next(); step.done !== true; step = await next()) yield step.value;
    } finally {
      await listing.return?.();
    }
  }

  async #inTurn<T>(file: StoredFile | undefined, options: CallOptions | undefined, call: () => Promise<T>): Promise<T> {
    if (file?.kind === 'lock') return await call();
    const giveBack = await this.#turns.take(options?.signal);
    try {
      return await call();
    } finally {
      giveBack();
    }
  }
}
