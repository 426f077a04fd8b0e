/** What a check worker does: index files, packs, trees and counting, with blocking calls. */
import { systemRandomness } from '../../base/clock.ts';
import { asHoldfastError, HoldfastError } from '../../base/errors.ts';
import { Sealer } from '../../crypto/sealer.ts';
import { BlobReader } from '../blob-reader.ts';
import { loadIndexPath } from '../index-loading.ts';
import { IndexTable, treeBlob } from '../index-table.ts';
import type { CheckMemory } from './check-memory.ts';
import type { CheckRequest, CheckResponse, CheckWorkerData, TreesRequest, TreesResponse } from './messages.ts';
import { PackGroups } from './pack-groups.ts';
import { PackJobs, runAll } from './pack-job.ts';
import { type CheckProblem, errorProblem, reasonOf } from './problem.ts';
import { survey } from './survey.ts';
import { TreeCheck } from './tree-check.ts';

export class CheckWork {
  readonly #data: CheckWorkerData;
  readonly #sealer: Sealer;
  #contents: ContentWork | undefined;

  constructor(data: CheckWorkerData) {
    this.#data = data;
    this.#sealer = new Sealer(data.key, systemRandomness);
  }

  handle(request: CheckRequest): CheckResponse {
    if (request.kind === 'index') {
      const { id, path, memory } = request;
      return { kind: 'index', packs: loadIndexPath(path, id, this.#sealer, IndexTable.attach(memory)) };
    }
    if (request.kind === 'begin') {
      this.#contents = new ContentWork(this.#data, this.#sealer, request.memory);
      return { kind: 'begun' };
    }
    if (this.#contents === undefined) throw new HoldfastError('internal', `a check worker was asked for '${request.kind}' before it began`);
    return this.#contents.handle(request);
  }
}

/** What can be done once the index is complete. */
class ContentWork {
  readonly #index: IndexTable;
  readonly #memory: CheckMemory;
  readonly #packs: PackJobs;
  readonly #trees: TreeCheck;
  readonly #reader: BlobReader | undefined;

  constructor({ packFolder }: CheckWorkerData, sealer: Sealer, memory: CheckMemory) {
    this.#index = IndexTable.attach(memory.index);
    this.#memory = memory;
    this.#packs = new PackJobs(new PackGroups(this.#index, memory), sealer, packFolder);
    this.#trees = new TreeCheck(this.#index, memory);
    this.#reader = packFolder === undefined ? undefined : new BlobReader(this.#index, sealer, packFolder);
  }

  handle(request: Exclude<CheckRequest, { kind: 'index' | 'begin' }>): CheckResponse {
    if (request.kind === 'pack') return runAll(this.#packs.run(request));
    if (request.kind === 'trees') return this.#checkTrees(request);
    return survey(this.#index, this.#memory, request);
  }

  #checkTrees({ entries }: TreesRequest): TreesResponse {
    const problems: CheckProblem[] = [];
    const subtrees: number[] = [];
    for (const entry of entries) {
      const plain = this.#readTree(entry, problems);
      if (plain === undefined) continue;
      for (const subtree of this.#trees.check(entry, plain, problems)) subtrees.push(subtree);
    }
    return { kind: 'trees', problems, subtrees: Uint32Array.from(subtrees) };
  }

  /** The first copy that is whole. A copy that is not is damage, even where another can stand in. */
  #readTree(entry: number, problems: CheckProblem[]): Uint8Array | undefined {
    if (this.#reader === undefined) throw new HoldfastError('internal', 'a worker was asked for trees that it cannot read');
    const tree = this.#index.idHex(entry);
    for (const copy of this.#index.findAll(Buffer.from(tree, 'hex'), treeBlob)) {
      try {
        return this.#reader.read(copy);
      } catch (error) {
        problems.push(errorProblem('tree', `tree ${tree} cannot be read: ${reasonOf(error)}`, { ...asHoldfastError(error).context, tree }));
      }
    }
    return undefined;
  }
}
