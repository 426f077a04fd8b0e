import { HoldfastError } from '../../base/errors.ts';
import { findNode, findSubtree } from '../../repository/tree/find-node.ts';
import { displayPath } from '../../repository/tree/tree-path.ts';
import type { ArchiveEntry } from '../archives/archive-entries.ts';
import { fileContent } from '../archives/file-content.ts';
import { writeTar } from '../archives/tar.ts';
import { writeZip } from '../archives/zip.ts';
import { type ContentTarget, openContentTarget } from '../content-target.ts';
import { latestSnapshotOptions } from '../options/snapshot-options.ts';
import { printableName } from '../render/format.ts';
import { openReader, type RepositorySession, withReadLock } from '../repository-session.ts';
import { exactArguments, findSnapshot, treeOf } from '../snapshot-choice.ts';
import { type CommandContext, defineCommand } from './command.ts';

const archiveFormats = ['tar', 'zip'] as const;

export const dump = defineCommand({
  synopsis: '[OPTION...] SNAPSHOT[:FOLDER] PATH',
  details: [
    'Writes a file of a snapshot to standard output. A folder becomes a tar archive, or with --archive zip a zip archive; / is the whole snapshot.',
    'With :FOLDER behind the snapshot, names in the archive begin below that folder.',
  ],
  examples: [
    'holdfast dump latest /etc/passwd',
    'holdfast dump latest:/home/me / > me.tar',
    'holdfast dump --archive zip --target etc.zip latest /etc',
  ],
  isListing: true,
  options: {
    ...latestSnapshotOptions,
    archive: { kind: 'text', short: 'a', valueName: 'FORMAT', choices: archiveFormats, description: 'format for folders (default: tar)' },
    target: { kind: 'text', short: 't', valueName: 'FILE', description: 'write to a file instead of standard output' },
  },
  async run(context, values, positionals) {
    const [reference, path] = exactArguments(positionals, ['SNAPSHOT', 'PATH']);
    await withReadLock(context, async (session) => {
      const found = await findSnapshot(session, reference, values);
      const reader = await openReader(session);
      const root = await treeOf(reader, found);
      const place = await findNode(reader, root, path);
      const isFile = place.node?.type === 'file';
      const tree = isFile ? undefined : await findSubtree(reader, root, path);
      await using target = await openContentTarget(context, values.target, { isArchive: !isFile });
      const skipped: string[] = [];
      const onSkipped = (entry: ArchiveEntry) => void skipped.push(reportSkipped(context, entry));
      if (tree === undefined) await copyFile(reader, place.node, target, session);
      else {
        const folder = { source: reader, tree, path: place.path, signal: session.signal };
        await (values.archive === 'zip' ? writeZip : writeTar)(folder, (chunk) => target.write(chunk), onSkipped);
      }
      await target.finish();
      report(context, target, displayPath(place.path), skipped);
    });
    return 0;
  },
});

type FileReader = Parameters<typeof fileContent>[0];

async function copyFile(
  reader: FileReader,
  node: Parameters<typeof fileContent>[1] | undefined,
  target: ContentTarget,
  { signal }: RepositorySession,
): Promise<void> {
  if (node === undefined) throw new HoldfastError('internal', 'a file to dump has no node');
  for await (const chunk of fileContent(reader, node, signal)) await target.write(chunk);
}

function reportSkipped({ events }: CommandContext, { name, node }: ArchiveEntry): string {
  const path = name.toString('utf8');
  events({ kind: 'warning', message: `${printableName(path)} is left out: the archive format has no ${node.type}` });
  return path;
}

/** Standard output holds the content alone. */
function report({ output }: CommandContext, target: ContentTarget, path: string, skipped: readonly string[]): void {
  if (target.path === undefined) return;
  if (output.isJson) output.json({ message_type: 'summary', path, target: target.path, bytes_written: target.bytesWritten, skipped });
  else output.say(`wrote ${target.bytesWritten} bytes of ${printableName(path)} to ${target.path}`);
}
