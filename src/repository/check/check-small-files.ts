/** The files that are neither packs nor indexes: config, keys, locks and snapshots. */
import { asHoldfastError, HoldfastError } from '../../base/errors.ts';
import type { BlobId, LockId, SnapshotId } from '../../base/ids.ts';
import { parsePolynomial } from '../../chunker/polynomial.ts';
import { isIrreducible } from '../../chunker/polynomial.ts';
import type { MasterKey } from '../../crypto/master-key.ts';
import { decodeKeyFile } from '../../format/key-file.ts';
import { decodeLock } from '../../format/lock-file.ts';
import { decodeSnapshot } from '../../format/snapshot.ts';
import type { Backend, FileKind } from '../../storage/backend.ts';
import { errorProblem } from '../../workers/check/problem.ts';
import { mapConcurrently } from '../concurrency.ts';
import type { UnpackedFiles } from '../unpacked-files.ts';
import { inFile } from '../damaged-file.ts';
import { loadVerified } from '../verified-load.ts';
import type { ProblemList } from './report.ts';
