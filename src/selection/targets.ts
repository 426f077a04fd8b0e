/**
 * Where in a snapshot the targets of a backup go.
 *
 * As in restic (internal/archiver/tree.go): an absolute target keeps all its directories, a relative one those that were
 * named; '..' at the front leaves no trace, so that two targets may claim one name, and the later gets '-1' behind it.
 * A target without a name of its own, such as '.', '..' or '/', is replaced by what is in it.
 */
import { readdirSync } from 'node:fs';
import { lstat } from 'node:fs/promises';
import { HoldfastError } from '../base/errors.ts';
import { childPath, cleanPath, type PathText, pathBytes, pathText, readableText } from '../patterns/path-text.ts';

/** A directory of the snapshot that is put together here, or with `path` an entry of the file system with all that is in it. */
export interface TargetTree {
  /** By name, one character per byte; sorted by it they are in the snapshot's order. */
  readonly children: ReadonlyMap<string, TargetTree>;
  /** What to save in this place. Set only where there are no children. */
  readonly path?: Buffer;
  /** The directory that lends this one its metadata; absent at the root and where `path` is set only. */
  readonly metadataPath?: Buffer;
  /** Named by the user: exclude rules do not apply to it. */
  readonly isExplicit: boolean;
}

interface Target {
  readonly path: PathText;
  readonly isExplicit: boolean;
}

/** Names of the entries of a directory. */
export type NameReader = (directory: Buffer) => readonly Uint8Array[];

/**
 * @param paths as given; relative ones as seen from the working directory
 * @throws HoldfastError `usage` for an empty path; what `readNames` throws when a directory cannot be read
 */
export function buildTargetTree(paths: readonly Uint8Array[], readNames: NameReader = readNamesSync): TargetTree {
  const root = new Place();
  const seen = new Set<string>();
  for (const target of paths.flatMap((path) => withName(path, readNames))) {
    if (!seen.has(target.path)) root.add(target);
    seen.add(target.path);
  }
  root.unroll(readNames);
  return root.toTree();
}

/** Those that are not there, or cannot be reached, in the order given. */
export async function missingTargets(paths: readonly Uint8Array[]): Promise<Buffer[]> {
  const isThere = await Promise.all(paths.map((path) => lstat(Buffer.from(path)).then(succeed, fail)));
  return paths.filter((_path, index) => isThere[index] === false).map((path) => Buffer.from(path));
}

const succeed = () => true;
const fail = () => false;

function readNamesSync(directory: Buffer): readonly Uint8Array[] {
  return readdirSync(directory, { encoding: 'buffer' });
}

function withName(path: Uint8Array, readNames: NameReader): Target[] {
  if (path.length === 0) {
    throw new HoldfastError('usage', 'a path to back up is empty', { hint: 'Write "." for the working directory.' });
  }
  const target = cleanPath(pathText(path));
  if (namesOf(target).length > 0) return [{ path: target, isExplicit: true }];
  const names = readNames(pathBytes(target)).map((name) => pathText(name));
  return names.sort().map((name) => ({ path: cleanPath(childPath(target, name)), isExplicit: false }));
}

/** The components that appear in the snapshot. */
function namesOf(path: PathText): string[] {
  return path.split('/').filter((name) => name !== '' && name !== '.' && name !== '..');
}

/** The directory in which the first of these components lies: '/', '.', '..', '../..'. */
function rootOf(path: PathText): PathText {
  if (path.startsWith('/')) return path.slice(0, 1) as PathText;
  const ups = path.split('/').filter((name) => name === '..');
  return cleanPath(`./${ups.join('/')}` as PathText);
}

/** A place in the snapshot while the tree grows. */
class Place {
  readonly #children = new Map<string, Place>();
  /** Only for children of the root: where it is in the file system. */
  readonly #origin: PathText | undefined;
  #path: PathText | undefined;
  #metadataPath: PathText | undefined;
  #isExplicit = false;

  constructor(origin?: PathText) {
    this.#origin = origin;
  }

  add(target: Target): void {
    const [first = '', ...rest] = namesOf(target.path);
    const origin = joinPath(rootOf(target.path), first);
    this.#childFrom(origin, first).#put(target, origin, rest);
  }

  /** Where a target contains another one, the first is replaced by its entries, so that only leaves have a path. */
  unroll(readNames: NameReader): void {
    const path = this.#path;
    if (path !== undefined && this.#children.size > 0) {
      for (const name of readNames(pathBytes(path))) this.#addEntry(path, pathText(name));
      this.#path = undefined;
      this.#isExplicit = false;
    }
    for (const child of this.#children.values()) child.unroll(readNames);
  }

  toTree(): TargetTree {
    const children = new Map<string, TargetTree>();
    for (const [name, child] of this.#children) children.set(name, child.toTree());
    return {
      children,
      isExplicit: this.#isExplicit,
      ...(this.#path === undefined ? {} : { path: pathBytes(this.#path) }),
      ...(this.#metadataPath === undefined ? {} : { metadataPath: pathBytes(this.#metadataPath) }),
    };
  }

  /**
   * The child of that origin, whose name may have got a number. restic looks at the origin's directory only, and so would
   * drop './a' of the targets '../a', './a' and './a-1'.
   */
  #childFrom(origin: PathText, name: string): Place {
    for (let number = 0; ; number += 1) {
      const candidate = number === 0 ? name : `${name}-${number}`;
      const child = this.#children.get(candidate);
      if (child === undefined) return this.#newChild(candidate, origin);
      if (child.#origin === origin) return child;
    }
  }

  #put(target: Target, here: PathText, rest: readonly string[]): void {
    const [next, ...below] = rest;
    if (next === undefined) {
      this.#path = target.path;
      this.#isExplicit = target.isExplicit;
      return;
    }
    this.#metadataPath = here;
    const child = this.#children.get(next) ?? this.#newChild(next);
    child.#put(target, joinPath(here, next), below);
  }

  #addEntry(directory: PathText, name: PathText): void {
    const path = joinPath(directory, name);
    const child = this.#children.get(name) ?? this.#newChild(name);
    if (child.#path !== undefined && child.#path !== path) {
      const claims = [child.#path, path].map((claim) => readableText(pathBytes(claim)));
      throw new HoldfastError('usage', `two paths claim one place in the snapshot: ${claims.join(' and ')}`);
    }
    child.#path = path;
  }

  #newChild(name: string, origin?: PathText): Place {
    const child = new Place(origin);
    this.#children.set(name, child);
    return child;
  }
}

function joinPath(directory: PathText, name: string): PathText {
  return cleanPath(`${directory}/${name}` as PathText);
}
