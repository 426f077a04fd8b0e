/** What the rules of a selection want to know; the walker tells them. */
import type { PathText } from '../patterns/path-text.ts';

/** st_dev: both forms print the same digits. */
export type DeviceId = number | bigint;

/** What lstat says of an entry. */
export interface SelectableEntry {
  readonly isDirectory: boolean;
  readonly sizeBytes: number;
  readonly deviceId: DeviceId;
}

/** The directory that holds the entry. The walker answers through its descriptor. */
export interface DirectoryProbe {
  /**
   * The first bytes of a file in the directory, fewer when it is shorter; `length` 0 asks only whether there is one (of
   * any type, as lstat says). Undefined when there is none, minus errno when it cannot be read. Must not block on a fifo.
   */
  readHead(name: PathText, length: number): Uint8Array | number | undefined;
  deviceId(): DeviceId;
}
