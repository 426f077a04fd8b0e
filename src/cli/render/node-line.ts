/** An entry of a snapshot as a line of `ls` or `find`. */
import { formatFileMode } from '../../format/file-mode.ts';
import { isPlain } from '../../format/go-quote.ts';
import { parseTime } from '../../format/go-time.ts';
import type { TreeNode } from '../../format/node.ts';
import { displayPath, pathBytes, type TreePath } from '../../repository/tree/tree-path.ts';
import { formatBytes, formatLocalTime, printableName } from './format.ts';

export interface NodeLineOptions {
  readonly isLong: boolean;
  readonly isHumanReadable: boolean;
  /** A terminal gets names that cannot disturb it, a pipe the exact bytes. */
  readonly isTerminal: boolean;
}

export function nodeLine(path: TreePath, node: TreeNode, options: NodeLineOptions): string | Uint8Array {
  const name = options.isTerminal ? printableName(displayPath(path)) : pathBytes(path);
  if (!options.isLong) return name;
  const before = `${longColumns(node, options.isHumanReadable)} `;
  const after = node.type === 'symlink' ? ` -> ${linkText(node)}` : '';
  return typeof name === 'string' ? before + name + after : Buffer.concat([Buffer.from(before), name, Buffer.from(after)]);
}

function longColumns(node: TreeNode, isHumanReadable: boolean): string {
  const mode = formatFileMode(node.type, node.mode ?? 0);
  const bytes = node.type === 'file' ? (node.size ?? 0) : 0;
  const size = isHumanReadable ? formatBytes(Number(bytes)) : String(bytes).padStart(6);
  return `${mode} ${pad(node.uid)} ${pad(node.gid)} ${size} ${formatNodeTime(node.mtime)}`;
}

function pad(id: number): string {
  return String(id).padStart(5);
}

function linkText(node: TreeNode): string {
  const target = node.linkTarget ?? '';
  return isPlain(target) ? target : printableName(target);
}

/** A time of the format in this machine's zone. */
export function formatNodeTime(time: string): string {
  return formatLocalTime(Number(parseTime(time) / 1_000_000n));
}
