/** For those who write a storage of their own: the contract. The suite that proves it is in `holdfast/testing`. */
export type { Backend, BackendCapabilities, CallOptions, FileKind, ListedFile, LoadOptions, StoredFile } from './backend.ts';
