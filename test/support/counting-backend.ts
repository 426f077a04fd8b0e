/** Passes every call on and counts the loads: what a cache is there to save. Stands for a storage that is far away. */
import type { BackendCapabilities, FileKind, LoadOptions, StoredFile } from '../../src/storage/backend.ts';
import { ForwardingBackend } from '../../src/storage/forwarding-backend.ts';

export class CountingBackend extends ForwardingBackend {
  readonly loads: { readonly kind: FileKind; readonly name: string; readonly isWhole: boolean; readonly sizeBytes: number }[] = [];

  override get capabilities(): BackendCapabilities {
    return { ...this.inner.capabilities, localFiles: false };
  }

  override pathOf(file: StoredFile): undefined {
    this.inner.pathOf(file);
  }

  override async load(file: StoredFile, options: LoadOptions = {}): Promise<Buffer> {
    const bytes = await this.inner.load(file, options);
    this.loads.push({ ...file, isWhole: options.length === undefined, sizeBytes: bytes.length });
    return bytes;
  }

  /** How often files of this kind were loaded since the last call. */
  take(kind: FileKind): number {
    const count = this.loads.filter((load) => load.kind === kind).length;
    for (let at = this.loads.length - 1; at >= 0; at--) if (this.loads[at]?.kind === kind) this.loads.splice(at, 1);
    return count;
  }
}
