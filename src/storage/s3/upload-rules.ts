/** How objects are stored, by the kind of file: in which storage class, and for how long nobody may remove them. */
import type { StorageClass } from '@aws-sdk/client-s3';
import type { Clock } from '../../base/clock.ts';
import type { StoredFile } from '../backend.ts';

export const retentionModes = ['governance', 'compliance'] as const;

export interface Retention {
  /** Governance: who has a special right may shorten it. Compliance: nobody may. */
  readonly mode: (typeof retentionModes)[number];
  readonly days: number;
}

export interface UploadRules {
  /** As the provider calls it; its usual one unless told. */
  readonly storageClass?: StorageClass | undefined;
  readonly retention?: Retention | undefined;
}

export interface UploadParameters {
  readonly StorageClass?: StorageClass;
  readonly ObjectLockMode?: Uppercase<Retention['mode']>;
  readonly ObjectLockRetainUntilDate?: Date;
}

/** What is in them cannot be read at once, so only data goes there: as in restic. */
const archiveClasses = new Set(['GLACIER', 'DEEP_ARCHIVE']);
const msPerDay = 86_400_000;

/** @param holdsData the file is a pack, and known to hold no trees */
export function uploadParameters(file: StoredFile, holdsData: boolean, rules: UploadRules, clock: Clock): UploadParameters {
  return { ...classParameters(holdsData, rules), ...retentionParameters(file, rules, clock) };
}

function classParameters(holdsData: boolean, { storageClass }: UploadRules): UploadParameters {
  if (storageClass === undefined || (archiveClasses.has(storageClass) && !holdsData)) return {};
  return { StorageClass: storageClass };
}

/** Locks come and go: one that could not be removed would keep everybody out. */
function retentionParameters({ kind }: StoredFile, { retention }: UploadRules, clock: Clock): UploadParameters {
  if (retention === undefined || kind === 'lock') return {};
  const untilMs = Number(clock.nowNs() / 1_000_000n) + retention.days * msPerDay;
  const mode = retention.mode === 'compliance' ? 'COMPLIANCE' : 'GOVERNANCE';
  return { ObjectLockMode: mode, ObjectLockRetainUntilDate: new Date(untilMs) };
}
