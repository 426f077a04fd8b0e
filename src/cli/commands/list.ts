import { throwIfCancelled } from '../../base/cancellation.ts';
import { HoldfastError } from '../../base/errors.ts';
import { listBlobs } from '../../repository/index/list-blobs.ts';
import type { FileKind } from '../../storage/backend.ts';
import type { Output } from '../output.ts';
import { type RepositorySession, withReadLock, withRepository } from '../repository-session.ts';
import { exactArguments } from '../snapshot-choice.ts';
import { defineCommand } from './command.ts';

/** Files of the repository by the words of the command; blobs are no files. */
const kindOf: Readonly<Record<string, FileKind>> = { packs: 'pack', index: 'index', snapshots: 'snapshot', keys: 'key', locks: 'lock' };

export const list = defineCommand({
  synopsis: '[OPTION...] blobs|packs|index|snapshots|keys|locks',
  details: [
    'Prints the ids of all objects of a kind, one on each line; blobs with their type, and once for each pack that holds them. What is printed may be damaged: nothing but index files is read.',
  ],
  examples: ['holdfast list snapshots', 'holdfast list blobs | sort | uniq --repeated'],
  isListing: true,
  options: {},
  async run(context, _values, positionals) {
    const [word] = exactArguments(positionals, ['KIND']);
    const kind = Object.hasOwn(kindOf, word) ? kindOf[word] : undefined;
    if (kind === undefined && word !== 'blobs') {
      throw new HoldfastError('usage', `there are no objects of the kind ${JSON.stringify(word)}`, {
        hint: `Give one of blobs, ${Object.keys(kindOf).join(', ')}.`,
      });
    }
    const { output } = context;
    const work = (session: RepositorySession) => (kind === undefined ? printBlobs(output, session) : printFiles(output, session, kind));
    // To see the locks of others, as one that is in the way, needs no lock.
    await (kind === 'lock' ? withRepository(context, 'none', work) : withReadLock(context, work));
    return 0;
  },
});

async function printBlobs(output: Output, { repository, signal }: RepositorySession): Promise<void> {
  await listBlobs(repository, (type, id) => printObject(output, type, id, `${type} ${id}`), { signal });
}

async function printFiles(output: Output, { repository, signal }: RepositorySession, kind: FileKind): Promise<void> {
  for await (const { name } of repository.backend.list(kind, { signal, namesOnly: true })) {
    throwIfCancelled(signal);
    printObject(output, kind, name, name);
  }
}

function printObject(output: Output, type: string, id: string, text: string): void {
  if (output.isJson) output.json({ message_type: 'object', type, id });
  else output.line(text);
}
