/** What a check worker does: packs, trees and counting, with blocking calls. */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { systemRandomness } from '../../base/clock.ts';
import { asHoldfastError, HoldfastError } from '../../base/errors.ts';
import { Sealer } from '../../crypto/sealer.ts';
import { BlobReader } from '../blob-reader.ts';
import { IndexTable, treeBlob } from '../index-table.ts';
import type { CheckRequest, CheckResponse, CheckWorkerData, PackRequest, PackResponse, TreesRequest, TreesResponse } from './messages.ts';
import { PackCheck } from './pack-check.ts';
import { PackGroups } from './pack-groups.ts';
import { type CheckProblem, errorProblem, reasonOf } from './problem.ts';
import { survey } from './survey.ts';
import { TreeCheck } from './tree-check.ts';

/** Not blocking: a named pipe in the place of a pack would otherwise hold the open for ever. */
const openFlags = constants.O_RDONLY | constants.O_NONBLOCK;

export class CheckWork {
  readonly #data: CheckWorkerData;
  readonly #index: IndexTable;
  readonly #packs: PackCheck;
  readonly #trees: TreeCheck;
  readonly #reader: BlobReader | undefined;

  constructor(data: CheckWorkerData) {
    const sealer = new Sealer(data.key, systemRandomness);
    this.#data = data;
    this.#index = IndexTable.attach(data.memory.index);
    this.#packs = new PackCheck(new PackGroups(this.#index, data.memory), sealer);
    this.#trees = new TreeCheck(this.#index, data.memory);
    this.#reader = data.packFolder === undefined ? undefined : new BlobReader(this.#index, sealer, data.packFolder);
  }

  handle(request: CheckRequest): CheckResponse {
    if (request.kind === 'pack') return this.#checkPack(request);
    if (request.kind === 'trees') return this.#checkTrees(request);
    return survey(this.#index, this.#data.memory, request);
  }

  /** Wrong bytes are read once more: damage in the storage stays, damage on the way does not. */
  #checkPack(request: PackRequest): PackResponse {
    const first = this.#readPack(request);
    if (first.problems.length === 0) return first;
    const second = this.#readPack(request);
    if (second.problems.length > 0) return second;
    const pack = this.#index.packIdHex(request.group);
    const message = `pack ${pack} was right the second time it was read, but wrong the first: ${first.problems[0]?.message ?? ''}`;
    return { ...second, problems: [errorProblem('pack-unstable', message, { pack })] };
  }

  #readPack(request: PackRequest): PackResponse {
    try {
      return request.bytes === undefined ? this.#readFile(request.group) : this.#readBytes(request.group, request.bytes);
    } catch (error) {
      const known = asHoldfastError(error);
      if (known.code === 'internal') throw known;
      const pack = this.#index.packIdHex(request.group);
      const problems = [errorProblem('pack-unreadable', `pack ${pack} cannot be read: ${known.message}`, { ...known.context, pack })];
      return { kind: 'pack', problems, bytesRead: 0 };
    }
  }

  #readFile(group: number): PackResponse {
    const id = this.#index.packIdHex(group);
    const fd = openSync(join(this.#data.packFolder ?? '', id.slice(0, 2), id), openFlags);
    try {
      const found = fstatSync(fd);
      if (!found.isFile()) throw new HoldfastError('damaged', 'it is not a regular file');
      const problems = this.#packs.check({ group, sizeBytes: found.size, read: (target) => readSync(fd, target, 0, target.length, null) });
      return { kind: 'pack', problems, bytesRead: found.size };
    } finally {
      closeSync(fd);
    }
  }

  #readBytes(group: number, bytes: Uint8Array): PackResponse {
    let at = 0;
    const read = (target: Uint8Array): number => {
      const piece = bytes.subarray(at, at + target.length);
      target.set(piece);
      at += piece.length;
      return piece.length;
    };
    return { kind: 'pack', problems: this.#packs.check({ group, sizeBytes: bytes.length, read }), bytesRead: bytes.length };
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
