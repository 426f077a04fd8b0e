/** Passes every call on to another backend: what wrappers inherit, to change only what they are about. */
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
} from './backend.ts';
import type { StorageInspection } from './inspection.ts';

export class ForwardingBackend implements Backend {
  protected readonly inner: Backend;

  constructor(inner: Backend) {
    this.inner = inner;
  }

  get location(): string {
    return this.inner.location;
  }

  get capabilities(): BackendCapabilities {
    return this.inner.capabilities;
  }

  get inspection(): StorageInspection | undefined {
    return this.inner.inspection;
  }

  create(options?: CallOptions): Promise<void> {
    return this.inner.create(options);
  }

  open(options?: CallOptions): Promise<void> {
    return this.inner.open(options);
  }

  save(file: StoredFile, bytes: Uint8Array, options?: SaveOptions): Promise<void> {
    return this.inner.save(file, bytes, options);
  }

  adopt(file: StoredFile, stagedPath: string, options?: AdoptOptions): Promise<void> {
    return this.inner.adopt(file, stagedPath, options);
  }

  load(file: StoredFile, options?: LoadOptions): Promise<Buffer> {
    return this.inner.load(file, options);
  }

  stat(file: StoredFile, options?: CallOptions): Promise<{ readonly sizeBytes: number }> {
    return this.inner.stat(file, options);
  }

  exists(file: StoredFile, options?: CallOptions): Promise<boolean> {
    return this.inner.exists(file, options);
  }

  list(kind: FileKind, options?: ListOptions): AsyncIterable<ListedFile> {
    return this.inner.list(kind, options);
  }

  remove(file: StoredFile, options?: CallOptions): Promise<void> {
    return this.inner.remove(file, options);
  }

  pathOf(file: StoredFile): string | undefined {
    return this.inner.pathOf(file);
  }

  stagingFolder(options?: CallOptions): Promise<string> {
    return this.inner.stagingFolder(options);
  }

  close(): Promise<void> {
    return this.inner.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
