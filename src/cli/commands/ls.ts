import { HoldfastError } from '../../base/errors.ts';
import type { TreeNode } from '../../format/node.ts';
import { parsePath } from '../../repository/tree/parse-path.ts';
import { isWithin, type TreePath } from '../../repository/tree/tree-path.ts';
import { type Verdict, walkTree } from '../../repository/tree/walk.ts';
import { type ListedEntry, sortEntries, sortKeys } from '../list-order.ts';
import { latestSnapshotOptions } from '../options/snapshot-options.ts';
import { listedNode } from '../render/node-json.ts';
import { nodeLine } from '../render/node-line.ts';
import { describeSnapshot, snapshotJson } from '../render/snapshot-text.ts';
import { openReader, withReadLock } from '../repository-session.ts';
import { findSnapshot, treeOf } from '../snapshot-choice.ts';
import { type CommandContext, defineCommand } from './command.ts';

export const ls = defineCommand({
  synopsis: '[OPTION...] SNAPSHOT [DIRECTORY...]',
  details: [
    'Lists the files and directories of a snapshot. SNAPSHOT is an id, its first digits, or latest; with :FOLDER behind it the list begins there.',
    'With directories, absolute paths in the snapshot, only they and what is in them is listed, one level deep unless --recursive is given.',
  ],
  examples: ['holdfast ls latest', 'holdfast ls --long latest:/etc', 'holdfast ls latest /etc /home/me'],
  isListing: true,
  options: {
    ...latestSnapshotOptions,
    long: { kind: 'flag', short: 'l', description: 'with mode, owner, size and time' },
    recursive: { kind: 'flag', description: 'with all that is below the directories given' },
    'human-readable': { kind: 'flag', description: 'sizes with units' },
    sort: { kind: 'text', short: 's', valueName: 'KEY', choices: sortKeys, description: 'order of the list (default: name)' },
    reverse: { kind: 'flag', description: 'the other way round' },
  },
  async run(context, values, positionals) {
    const [reference, ...directories] = positionals;
    if (reference === undefined) throw new HoldfastError('usage', 'no snapshot is named', { hint: 'Give an id, or latest.' });
    const scope = directories.map(parseDirectory);
    await withReadLock(context, async (session) => {
      const found = await findSnapshot(session, reference, values);
      const reader = await openReader(session);
      const tree = await treeOf(reader, found);
      if (context.output.isJson) context.output.line(snapshotJson(found.snapshot, { message_type: 'snapshot', struct_type: 'snapshot' }));
      else context.output.say(`${describeSnapshot(found.snapshot)}${scope.length === 0 ? '' : ` in ${directories.join(' ')}`}:`);
      const print = printer(context, values.long, values['human-readable']);
      const sorted: ListedEntry[] | undefined = values.sort !== undefined || values.reverse ? [] : undefined;
      const onNode = sorted === undefined ? print : (path: TreePath, node: TreeNode) => void sorted.push({ path, node });
      const onEntry = ({ path, node }: ListedEntry) => visit(scope, values.recursive, path, node, onNode);
      await walkTree(reader, tree, { onEntry }, { signal: session.signal });
      if (sorted !== undefined) for (const { path, node } of sortEntries(sorted, values.sort ?? 'name', values.reverse)) print(path, node);
    });
    return 0;
  },
});

function parseDirectory(text: string): TreePath {
  if (text.startsWith('/')) return parsePath(text);
  throw new HoldfastError('usage', `${JSON.stringify(text)} is no absolute path`, {
    hint: 'Paths in a snapshot begin with a slash, as ls prints them.',
  });
}

type PrintNode = (path: TreePath, node: TreeNode) => void;

function visit(scope: readonly TreePath[], isRecursive: boolean, path: TreePath, node: TreeNode, onNode: PrintNode): Verdict {
  if (scope.length === 0) {
    onNode(path, node);
    return 'enter';
  }
  const isListed = scope.some((directory) => isWithin(path, directory));
  if (isListed) onNode(path, node);
  // On the way to a directory that was asked for, or in it.
  return (isListed && isRecursive) || scope.some((directory) => isWithin(directory, path)) ? 'enter' : 'skip';
}

function printer({ output }: CommandContext, isLong: boolean, isHumanReadable: boolean): PrintNode {
  if (output.isJson) return (path, node) => output.json(listedNode(path, node));
  const options = { isLong, isHumanReadable, isTerminal: output.isTerminal };
  return (path, node) => output.line(nodeLine(path, node, options));
}
