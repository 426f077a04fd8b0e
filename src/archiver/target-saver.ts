/** Saves the targets of a backup: builds the folders above them, and hands the targets themselves to the workers. */
import { HoldfastError } from '../base/errors.ts';
import { pathBytes } from '../patterns/path-text.ts';
import { absolutePath } from '../selection/devices.ts';
import { buildTargetTree, type TargetTree } from '../selection/targets.ts';
import { joinPath } from '../workers/archive/entry-paths.ts';
import type { ArchivePool } from './shared-file-job.ts';
import type { TreeAssembly, HoleText } from './tree-assembly.ts';

export interface SaveServices {
  readonly pool: ArchivePool;
  readonly assembly: TreeAssembly;
  readonly saveTree: (nodes: readonly string[]) => Promise<string>;
  readonly countDirectory: (isNew: boolean, isSame: boolean) => void;
  readonly countFile: (sizeBytes: number) => void;
  /** Time of the snapshot in nanoseconds since 1970. */
  readonly timeNs: bigint;
}

const root = Buffer.from('/');

/** @returns the id of the root tree. @throws HoldfastError `source-missing` when nothing at all was saved */
export async function saveTargets(services: SaveServices, paths: readonly Buffer[], parentTree: string | undefined): Promise<string> {
  const tree = buildTargetTree(paths);
  const nodes = await saveChildren(services, tree, root, parentTree);
  if (nodes.length === 0) {
    throw new HoldfastError('source-missing', 'there is nothing to save: every target was excluded or could not be read', {
      hint: 'Check the paths and the exclude rules.',
    });
  }
  return await services.saveTree(nodes);
}

/** As seen from the working directory; links on the way stay as they are. */
export function absolute(path: Uint8Array): Buffer {
  return pathBytes(absolutePath(path, process.cwd()));
}

async function saveChildren(
  services: SaveServices,
  tree: TargetTree,
  snapshotPath: Uint8Array,
  parentTree: string | undefined,
): Promise<string[]> {
  const names = [...tree.children.keys()].sort();
  const texts = await Promise.all(
    names.map(async (name) => {
      const child = tree.children.get(name);
      const childPath = joinPath(snapshotPath, Buffer.from(name, 'latin1'));
      return child === undefined ? undefined : await saveChild(services, child, childPath, parentTree);
    }),
  );
  return texts.filter((text) => text !== undefined && text !== '') as string[];
}

async function saveChild(
  services: SaveServices,
  child: TargetTree,
  snapshotPath: Uint8Array,
  parentTree: string | undefined,
): Promise<HoleText> {
  const { pool, assembly } = services;
  if (child.path === undefined) return await saveFolder(services, child, snapshotPath, parentTree);
  const answer = await pool.run({ kind: 'entry', path: absolute(child.path), snapshotPath, parentTree, isExplicit: child.isExplicit });
  if (answer.kind !== 'filled') throw new HoldfastError('internal', `a worker answered '${answer.kind}' to a target`);
  return await assembly.textOf(answer.part);
}

/** A folder that is in the snapshot only because a target lies below it. */
async function saveFolder(
  services: SaveServices,
  child: TargetTree,
  snapshotPath: Uint8Array,
  parentTree: string | undefined,
): Promise<HoleText> {
  const path = child.metadataPath;
  if (path === undefined) throw new HoldfastError('internal', 'a folder above a target has no path');
  const described = await services.pool.run({ kind: 'metadata', path: absolute(path), snapshotPath, parentTree });
  if (described.kind !== 'metadata') throw new HoldfastError('internal', `a worker answered '${described.kind}' to a folder`);
  const nodes = await saveChildren(services, child, snapshotPath, described.previousTree);
  const id = await services.saveTree(nodes);
  services.countDirectory(described.isNew, described.isSameMetadata && described.previousTree === id);
  return `${described.head}${id}"}`;
}
