/** What a check finds: plain data that crosses threads and goes into JSON. */
import { asHoldfastError } from '../../base/errors.ts';

export type ProblemKind =
  | 'config'
  | 'key'
  | 'lock'
  | 'index'
  | 'snapshot'
  /** An index names a pack that the storage does not have. */
  | 'pack-missing'
  | 'pack-size'
  /** What the indexes say of a pack cannot be: blobs that overlap, or different blobs in different indexes. */
  | 'pack-layout'
  | 'pack-unreadable'
  /** The bytes of a pack are not those that its name promises. */
  | 'pack-damaged'
  | 'pack-header'
  /** Read wrong once, right the second time: memory, cables or storage cannot be trusted. */
  | 'pack-unstable'
  | 'blob'
  | 'tree'
  | 'node'
  | 'pack-mixed'
  | 'pack-duplicate'
  | 'pack-unindexed'
  | 'blob-duplicate';

/** An error means that something is or may be lost; a warning, that somebody should look; a hint, that room is wasted. */
export type Severity = 'error' | 'warning' | 'hint';

export interface CheckProblem {
  readonly severity: Severity;
  readonly kind: ProblemKind;
  /** A lowercase statement of fact that names the object. */
  readonly message: string;
  /** Ids by the names of their kinds (`pack`, `blob`, `tree`, `snapshot`, `index`, `key`, `lock`), `path`, numbers. */
  readonly context: Readonly<Record<string, string | number | boolean>>;
}

export function errorProblem(kind: ProblemKind, message: string, context: CheckProblem['context'] = {}): CheckProblem {
  return { severity: 'error', kind, message, context };
}

/** The message of anything that was thrown. */
export function reasonOf(error: unknown): string {
  return asHoldfastError(error).message;
}
