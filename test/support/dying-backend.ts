/** A backend whose process is killed after so many changes: what was done stays, and nothing is done after that. */
import { HoldfastError } from '../../src/base/errors.ts';
import type { AdoptOptions, Backend, CallOptions, StoredFile } from '../../src/storage/backend.ts';
import { ForwardingBackend } from '../../src/storage/forwarding-backend.ts';

export class DyingBackend extends ForwardingBackend {
  #changesLeft: number;
  #hasDied = false;

  constructor(inner: Backend, changes: number) {
    super(inner);
    this.#changesLeft = changes;
  }

  get hasDied(): boolean {
    return this.#hasDied;
  }

  override async save(file: StoredFile, bytes: Uint8Array, options?: CallOptions): Promise<void> {
    this.#spend();
    await super.save(file, bytes, options);
  }

  override async adopt(file: StoredFile, stagedPath: string, options?: AdoptOptions): Promise<void> {
    this.#spend();
    await super.adopt(file, stagedPath, options);
  }

  override async remove(file: StoredFile, options?: CallOptions): Promise<void> {
    this.#spend();
    await super.remove(file, options);
  }

  /** Shared with those that go on after the death. */
  override async close(): Promise<void> {}

  #spend(): void {
    this.#hasDied ||= this.#changesLeft === 0;
    if (this.#hasDied) throw new HoldfastError('storage-failed', 'the process is dead');
    this.#changesLeft--;
  }
}
