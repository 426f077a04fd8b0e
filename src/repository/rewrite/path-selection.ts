/** Leaves out of trees what patterns say, as restic's rewrite does: --exclude, --include and their kin. */
import { pathText } from '../../patterns/path-text.ts';
import type { PathText } from '../../patterns/path-text.ts';
import type { ScannedNode } from '../../format/tree-scan.ts';
import { pathBytes, type TreePath } from '../tree/tree-path.ts';
import type { NodeVerdict, TreeEdit } from './tree-edit.ts';

/** What patterns say of a path: whether it is meant, and whether something below it may be. */
export type PathSelector = (path: PathText) => { readonly isSelected: boolean; readonly childMayBe: boolean };

export interface PathSelectionOptions {
  readonly select: PathSelector;
  /** Includes: a directory stays for the sake of what is selected in it, and is left out when that is nothing. */
  readonly isInclude: boolean;
  /** Told of each entry that is left out, but not of those below it. */
  readonly onRemoved?: ((path: TreePath, node: ScannedNode) => void) | undefined;
}

export function selectPaths({ select, isInclude, onRemoved }: PathSelectionOptions): TreeEdit {
  return {
    editNode: (node, path): NodeVerdict => {
      const { isSelected, childMayBe } = select(patternPath(path));
      if (isSelected || (isInclude && node.type === 'dir' && childMayBe)) return 'keep';
      onRemoved?.(path, node);
      return 'remove';
    },
    ...(isInclude ? { keepsEmpty: (directory: TreePath) => select(patternPath(directory)).isSelected } : {}),
  };
}

function patternPath(path: TreePath): PathText {
  return pathText(pathBytes(path));
}
