/** Refuses everything that would change the storage, before the storage hears of it. */
import { HoldfastError } from '../../base/errors.ts';
import type { BackendCapabilities } from '../backend.ts';
import { ForwardingBackend } from '../forwarding-backend.ts';

export class ReadOnlyBackend extends ForwardingBackend {
  override get capabilities(): BackendCapabilities {
    return { ...this.inner.capabilities, isReadOnly: true };
  }

  override async create(): Promise<void> {
    throw this.#refusal();
  }

  override async save(): Promise<void> {
    throw this.#refusal();
  }

  override async adopt(): Promise<void> {
    throw this.#refusal();
  }

  override async remove(): Promise<void> {
    throw this.#refusal();
  }

  override async stagingFolder(): Promise<string> {
    throw this.#refusal();
  }

  #refusal(): HoldfastError {
    return new HoldfastError('storage-denied', `${this.location} was opened for reading only`, {
      hint: 'Open the repository for writing to run an operation that changes it.',
    });
  }
}
