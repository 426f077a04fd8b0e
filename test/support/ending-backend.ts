/** A storage that takes so many changes and then none: what a process leaves behind that is killed in that moment. */
import { HoldfastError } from '../../src/base/errors.ts';
import type { AdoptOptions, Backend, CallOptions, StoredFile } from '../../src/storage/backend.ts';
import { ForwardingBackend } from '../../src/storage/forwarding-backend.ts';

export class EndingBackend extends ForwardingBackend {
  #changesLeft: number;

  constructor(inner: Backend, changes: number) {
    super(inner);
    this.#changesLeft = changes;
  }

  /** Whether something was refused. */
  get hasEnded(): boolean {
    return this.#changesLeft < 0;
  }

  override async save(file: StoredFile, bytes: Uint8Array, options?: CallOptions): Promise<void> {
    this.#take();
    await super.save(file, bytes, options);
  }

  override async adopt(file: StoredFile, stagedPath: string, options?: AdoptOptions): Promise<void> {
    this.#take();
    await super.adopt(file, stagedPath, options);
  }

  override async remove(file: StoredFile, options?: CallOptions): Promise<void> {
    this.#take();
    await super.remove(file, options);
  }

  #take(): void {
    if (--this.#changesLeft < 0) throw new HoldfastError('storage-failed', 'the process has ended');
  }
}
