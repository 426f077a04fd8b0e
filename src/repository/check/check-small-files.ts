/** Checks the files that are neither packs nor indexes: config, keys, locks and snapshots. */
import { systemRandomness } from '../../base/clock.ts';
import { asHoldfastError, HoldfastError } from '../../base/errors.ts';
import type { AnyId, BlobId, KeyId, LockId, SnapshotId } from '../../base/ids.ts';
import { decodeLock } from '../../format/lock-file.ts';
import { configFile, type FileKind } from '../../storage/backend.ts';
import { errorProblem, type ProblemKind } from '../../workers/check/problem.ts';
import { mapConcurrently } from '../concurrency.ts';
import { damagedFile, inFile } from '../damaged-file.ts';
import { loadKeyFile } from '../key-files.ts';
import { maxConfigBytes, openConfig } from '../repository-config.ts';
import type { CheckedRepository } from './checked-repository.ts';
import type { ProblemList } from './report.ts';

export interface RootTree {
  readonly snapshot: SnapshotId;
  readonly tree: BlobId;
}

export class SmallFileCheck {
  readonly #repository: CheckedRepository;
  readonly #problems: ProblemList;
  readonly #signal: AbortSignal | undefined;

  constructor(repository: CheckedRepository, problems: ProblemList, signal: AbortSignal | undefined) {
    this.#repository = repository;
    this.#problems = problems;
    this.#signal = signal;
  }

  /** @returns the trees of the snapshots that can be read */
  async run(): Promise<RootTree[]> {
    await this.#checkConfig();
    await this.#checkKeys();
    await this.#checkLocks();
    return await this.#checkSnapshots();
  }

  /** The config was read when the repository was opened; this looks at what is stored now. */
  async #checkConfig(): Promise<void> {
    const { backend, masterKey } = this.#repository;
    await this.#attempt('config', '', async () => {
      const sealed = await backend.load(configFile, { maxBytes: maxConfigBytes, signal: this.#signal });
      if (openConfig(sealed, masterKey, systemRandomness) !== undefined) return;
      throw damagedFile(configFile, new HoldfastError('damaged', 'it is not sealed with the master key of the repository'));
    });
  }

  async #checkKeys(): Promise<void> {
    const keyCount = await this.#checkEach<KeyId>('key', async (id) => {
      await loadKeyFile(this.#repository.backend, id, { signal: this.#signal });
    });
    if (keyCount === 0)
      this.#problems.add(errorProblem('key', 'the repository has no key file: once it is closed, nothing opens it again'));
  }

  /** A lock that cannot be read endangers nothing that is stored. */
  async #checkLocks(): Promise<void> {
    await this.#checkEach<LockId>('lock', async (id) => {
      const json = await this.#repository.files.load('lock', id, { signal: this.#signal });
      inFile({ kind: 'lock', name: id }, () => decodeLock(json));
    });
  }

  async #checkSnapshots(): Promise<RootTree[]> {
    const roots: RootTree[] = [];
    await this.#checkEach<SnapshotId>('snapshot', async (id) => {
      const { tree } = await this.#repository.snapshots.load(id, { signal: this.#signal });
      roots.push({ snapshot: id, tree });
    });
    return roots;
  }

  /** @returns how many files there are */
  async #checkEach<Id extends AnyId>(kind: FileKind & ProblemKind, check: (id: Id) => Promise<void>): Promise<number> {
    const files = await Array.fromAsync(this.#repository.backend.list(kind, { signal: this.#signal }));
    await mapConcurrently(files, ({ name }) => this.#attempt(kind, name, () => check(name as Id)), this.#signal);
    return files.length;
  }

  async #attempt(kind: ProblemKind, name: string, check: () => Promise<void>): Promise<void> {
    try {
      await check();
    } catch (thrown) {
      const error = asHoldfastError(thrown);
      if (error.code === 'cancelled' || error.code === 'internal') throw error;
      // Locks and snapshots come and go while a repository is in use.
      if (kind !== 'config' && (error.code === 'storage-missing' || error.code === 'not-found')) return;
      const problem = errorProblem(kind, error.message, { ...error.context, ...(name === '' ? {} : { [kind]: name }) });
      this.#problems.add(kind === 'lock' ? { ...problem, severity: 'warning' } : problem);
    }
  }
}
