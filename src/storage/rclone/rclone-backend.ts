/**
 * What rclone does not do itself: it stores a file over another of the same name without a word, where a config must never take the place
 * of another unnoticed. Of several callers in this process one wins; other processes can only be asked before, so that the capability
 * `atomicCreate` is missing.
 */
import {
  type Backend,
  type BackendCapabilities,
  type CallOptions,
  configFile,
  existingRepositoryError,
  type SaveOptions,
  type StoredFile,
} from '../backend.ts';
import { ForwardingBackend } from '../forwarding-backend.ts';
import type { StorageInspection } from '../inspection.ts';

export class RcloneBackend extends ForwardingBackend {
  readonly #inspection: StorageInspection;
  #savingConfig: Promise<unknown> = Promise.resolve();

  constructor(inner: Backend, inspection: StorageInspection) {
    super(inner);
    this.#inspection = inspection;
  }

  /** rclone answers from this machine, so that the time in its answers is ours. */
  override get inspection(): StorageInspection {
    return this.#inspection;
  }

  override get capabilities(): BackendCapabilities {
    return { ...this.inner.capabilities, atomicCreate: false };
  }

  override async save(file: StoredFile, bytes: Uint8Array, options: SaveOptions = {}): Promise<void> {
    if (file.kind !== 'config') return await super.save(file, bytes, options);
    const saving = this.#savingConfig.then(() => this.#saveConfig(bytes, options));
    this.#savingConfig = saving.catch(() => {});
    await saving;
  }

  async #saveConfig(bytes: Uint8Array, { signal, replacesConfig = false }: SaveOptions): Promise<void> {
    if (!replacesConfig && (await this.exists(configFile, { signal }))) {
      // The answer to an earlier attempt was lost.
      if (await this.#isStored(bytes, { signal })) return;
      throw existingRepositoryError(this.location);
    }
    await super.save(configFile, bytes, { signal });
  }

  async #isStored(bytes: Uint8Array, options: CallOptions): Promise<boolean> {
    const { sizeBytes } = await this.stat(configFile, options);
    return sizeBytes === bytes.length && (await this.load(configFile, { ...options, maxBytes: bytes.length })).equals(bytes);
  }
}
