/** For those who write a storage of their own: the contract. The suite that proves it is in `holdfast/testing`. */
export type {
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
