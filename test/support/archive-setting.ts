/** Backups by an ArchiveSession of its own, of a folder named `source`, into a repository beside it: what tests of the archiver share. */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { ArchiveSession } from '../../src/archiver/archive-session.ts';
import type { ArchiveRepository, BackupOptions, BackupResult } from '../../src/archiver/backup-options.ts';
import { systemClock } from '../../src/base/clock.ts';
import type { FailureEvent, HoldfastEvent, ItemEvent } from '../../src/base/events.ts';
import type { BlobId, SnapshotId } from '../../src/base/ids.ts';
import { unquoteName } from '../../src/format/go-quote.ts';
import type { TreeNode } from '../../src/format/node.ts';
import type { SnapshotSummary } from '../../src/format/snapshot.ts';
import { loadIndex } from '../../src/repository/index/load-index.ts';
import type { Repository } from '../../src/repository/repository.ts';
import { type FileSelection, selectEverything } from '../../src/selection/selection.ts';
import type { Backend } from '../../src/storage/backend.ts';
import { dataBlob, type IndexTable } from '../../src/workers/index-table.ts';
import { localRepository } from './new-repository.ts';
import { temporaryFolder } from './temporary-folder.ts';

export interface ArchiveRun extends BackupResult {
  readonly events: readonly HoldfastEvent[];
}

export interface ArchiveOptions extends Partial<Omit<BackupOptions, 'parent'>> {
  readonly workerCount?: number;
  /** `source` unless told; relative to the folder of the setting. */
  readonly paths?: readonly (string | Buffer)[];
  readonly selection?: Partial<FileSelection>;
  /** The run whose snapshot is the parent. */
  readonly parent?: Pick<BackupResult, 'tree'> | undefined;
  /** Instead of the repository's own. */
  readonly backend?: Backend;
  readonly saveIndex?: ArchiveRepository['saveIndex'];
  readonly signal?: AbortSignal;
  /** Instead of the repository's own: with an empty one everything is stored again. */
  readonly index?: IndexTable;
  /** Gets the session before it runs. */
  readonly onSession?: (session: ArchiveSession) => void;
}

const parentId = 'a'.repeat(64) as SnapshotId;
const snapshotId = 'b'.repeat(64) as SnapshotId;

export class ArchiveSetting {
  readonly folder: string;
  readonly source: string;
  readonly repository: Repository;
  /** Trees of the snapshots that were saved. */
  readonly snapshots: string[] = [];
  readonly summaries: SnapshotSummary[] = [];

  private constructor(folder: string, repository: Repository) {
    this.folder = folder;
    this.source = join(folder, 'source');
    this.repository = repository;
  }

  /** Makes its folder the working directory: a relative target leaves out of the snapshot what changes above it. */
  static async create(t: Pick<TestContext, 'after'>): Promise<ArchiveSetting> {
    const folder = temporaryFolder(t);
    mkdirSync(join(folder, 'source'));
    process.chdir(folder);
    t.after(() => process.chdir('/'));
    const setting = new ArchiveSetting(folder, await localRepository(join(folder, 'repository')));
    t.after(() => setting.repository.close());
    return setting;
  }

  async run(options: ArchiveOptions = {}): Promise<ArchiveRun> {
    const { workerCount = 1, signal, saveIndex, onSession, backend = this.repository.backend, parent } = options;
    const { masterKey, config, files } = this.repository;
    const events: HoldfastEvent[] = [];
    const index = options.index ?? (await loadIndex(this.repository.backend, masterKey));
    await using session = new ArchiveSession({ workerCount, signal });
    onSession?.(session);
    const save = saveIndex ?? ((json: Uint8Array) => files.save('index', json));
    const result = await session.run({ backend, masterKey, config, saveIndex: save }, index, {
      ...this.#options(options),
      events: (event) => events.push(event),
      ...(parent === undefined ? {} : { parent: { id: parentId, tree: parent.tree } }),
    });
    this.repository.forgetIndex();
    return { ...result, events };
  }

  /** The nodes of a folder of the snapshot by their names, one character a byte. */
  async nodes(tree: string, ...path: readonly string[]): Promise<Map<string, TreeNode>> {
    const nodes = new Map<string, TreeNode>();
    for (const node of await this.repository.loadTree(tree as BlobId)) nodes.set(unquoteName(node.name).toString('latin1'), node);
    const [first, ...rest] = path;
    if (first === undefined) return nodes;
    return await this.nodes(nodes.get(first)?.subtree ?? assert.fail(`there is no folder ${first}`), ...rest);
  }

  async content(node: TreeNode): Promise<Buffer> {
    return Buffer.concat(await Promise.all((node.content ?? []).map((id) => this.repository.loadBlob(dataBlob, id))));
  }

  /** Files of a kind in the repository. */
  async stored(kind: 'pack' | 'index' | 'snapshot'): Promise<string[]> {
    return (await Array.fromAsync(this.repository.backend.list(kind))).map((file) => file.name);
  }

  /** Files that were staged and belong to nobody. */
  staged(): string[] {
    return readdirSync(join(this.folder, 'repository', 'tmp'), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => entry.name);
  }

  #options({ paths = ['source'], selection, ...options }: ArchiveOptions): BackupOptions {
    return {
      source: { kind: 'files', paths: paths.map((path) => Buffer.from(path)), selection: { ...selectEverything, ...selection } },
      changes: { ignoreInode: false, ignoreCtime: false },
      compression: 'fastest',
      packSizeBytes: 16 << 20,
      withAtime: false,
      isDryRun: false,
      skipIfUnchanged: false,
      reportItems: false,
      estimateTotals: false,
      timeNs: 1_700_000_000_123_456_789n,
      clock: systemClock,
      events: () => {},
      permission: Promise.resolve(),
      saveSnapshot: async (tree, summary) => {
        this.snapshots.push(tree);
        this.summaries.push(summary);
        return snapshotId;
      },
      ...options,
      parent: undefined,
    };
  }
}

export function failuresOf({ events }: ArchiveRun): FailureEvent[] {
  return events.filter((event): event is FailureEvent => event.kind === 'failure');
}

export function warningsOf({ events }: ArchiveRun): string[] {
  return events.flatMap((event) => (event.kind === 'warning' ? [event.message] : []));
}

export function itemsOf({ events }: ArchiveRun): ItemEvent[] {
  return events.filter((event): event is ItemEvent => event.kind === 'item');
}

/** Files, directories: new, changed, unmodified. */
export function countsOf({ summary }: BackupResult): { files: number[]; dirs: number[] } {
  const { filesNew, filesChanged, filesUnmodified, dirsNew, dirsChanged, dirsUnmodified } = summary;
  return {
    files: [filesNew, filesChanged, filesUnmodified].map(Number),
    dirs: [dirsNew, dirsChanged, dirsUnmodified].map(Number),
  };
}

/** Notes what is asked of the workers. */
export function noting(asked: string[]): Required<Pick<ArchiveOptions, 'onSession'>> {
  return {
    onSession: ({ pool }) => {
      const run = pool.run.bind(pool);
      pool.run = (request, order) => {
        asked.push(request.kind);
        return run(request, order);
      };
    },
  };
}
