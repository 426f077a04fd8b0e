/** Checks one pack after the other, step by step, so that a thread with other duties can do them in between. */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { asHoldfastError, HoldfastError } from '../../base/errors.ts';
import type { Sealer } from '../../crypto/sealer.ts';
import type { PackRequest, PackResponse } from './messages.ts';
import { PackCheck } from './pack-check.ts';
import type { PackGroups } from './pack-groups.ts';
import { errorProblem } from './problem.ts';

/** Not blocking: a named pipe in the place of a pack would otherwise hold the open for ever. */
const openFlags = constants.O_RDONLY | constants.O_NONBLOCK;

/** Work that gives way between two blobs. */
export type Steps<T> = Generator<undefined, T, undefined>;

export class PackJobs {
  readonly #groups: PackGroups;
  readonly #check: PackCheck;
  readonly #packFolder: string | undefined;

  constructor(groups: PackGroups, sealer: Sealer, packFolder: string | undefined) {
    this.#groups = groups;
    this.#check = new PackCheck(groups, sealer);
    this.#packFolder = packFolder;
  }

  /** Wrong bytes are read once more: damage in the storage stays, damage on the way does not. One job at a time. */
  *run(request: PackRequest): Steps<PackResponse> {
    const first = yield* this.#read(request);
    if (first.problems.length === 0) return first;
    const second = yield* this.#read(request);
    if (second.problems.length > 0) return second;
    const pack = this.#groups.index.packIdHex(request.group);
    const message = `pack ${pack} was right the second time it was read, but wrong the first: ${first.problems[0]?.message ?? ''}`;
    return { ...second, problems: [errorProblem('pack-unstable', message, { pack })] };
  }

  *#read({ group, bytes }: PackRequest): Steps<PackResponse> {
    try {
      return yield* bytes === undefined ? this.#readFile(group) : this.#readBytes(group, bytes);
    } catch (error) {
      const known = asHoldfastError(error);
      if (known.code === 'internal') throw known;
      const pack = this.#groups.index.packIdHex(group);
      const problems = [errorProblem('pack-unreadable', `pack ${pack} cannot be read: ${known.message}`, { ...known.context, pack })];
      return { kind: 'pack', problems, bytesRead: 0 };
    }
  }

  *#readFile(group: number): Steps<PackResponse> {
    const id = this.#groups.index.packIdHex(group);
    const fd = openSync(join(this.#packFolder ?? '', id.slice(0, 2), id), openFlags);
    try {
      const found = fstatSync(fd);
      if (!found.isFile()) throw new HoldfastError('damaged', 'it is not a regular file');
      const read = (target: Uint8Array): number => readSync(fd, target, 0, target.length, null);
      const problems = yield* this.#check.run({ group, sizeBytes: found.size, read });
      return { kind: 'pack', problems, bytesRead: found.size };
    } finally {
      closeSync(fd);
    }
  }

  *#readBytes(group: number, bytes: Uint8Array): Steps<PackResponse> {
    let at = 0;
    const read = (target: Uint8Array): number => {
      const piece = bytes.subarray(at, at + target.length);
      target.set(piece);
      at += piece.length;
      return piece.length;
    };
    return { kind: 'pack', problems: yield* this.#check.run({ group, sizeBytes: bytes.length, read }), bytesRead: bytes.length };
  }
}

/** Does all of it at once. */
export function runAll<T>(steps: Steps<T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}
