import { HoldfastError } from '../../base/errors.ts';
import type { BlobId, IndexId, KeyId, LockId } from '../../base/ids.ts';
import { idToBytes } from '../../base/ids.ts';
import { formatPolynomial } from '../../chunker/polynomial.ts';
import { sha256Hex } from '../../crypto/sha256.ts';
import { encodeKeyFile, encodeMasterKey } from '../../format/key-file.ts';
import { encodeSnapshot } from '../../format/snapshot.ts';
import { findByPrefix } from '../../repository/find-by-prefix.ts';
import { loadKeyFile } from '../../repository/key-files.ts';
import { everySnapshot } from '../../repository/snapshot-filter.ts';
import { dataBlob, treeBlob } from '../../workers/index-table.ts';
import { openReader, type RepositorySession, withReadLock } from '../repository-session.ts';
import { treeOf } from '../snapshot-choice.ts';
import { type CommandContext, defineCommand } from './command.ts';

type CatOutput = { readonly json: Uint8Array | string } | { readonly raw: Uint8Array };
type Cat = (session: RepositorySession, id: string, context: CommandContext) => Promise<CatOutput>;

export const cat = defineCommand({
  synopsis: '[OPTION...] KIND [ID|SNAPSHOT[:FOLDER]]',
  details: [
    'Prints an object of the repository as it is inside: JSON for most, the bytes themselves for packs and blobs. Ids may be abbreviated.',
    'KIND is config or masterkey; or key, lock, index, pack, blob with an ID; or snapshot, tree with a SNAPSHOT and, for a tree, a FOLDER in it.',
  ],
  examples: ['holdfast cat config', 'holdfast cat snapshot latest', 'holdfast cat tree latest:/etc'],
  isListing: true,
  options: {},
  async run(context, _values, positionals) {
    const [kind = '', id, ...more] = positionals;
    const load = Object.hasOwn(loaders, kind) ? loaders[kind] : undefined;
    if (load === undefined) {
      const what = kind === '' ? 'no kind of object is named' : `there is no object of the kind ${JSON.stringify(kind)}`;
      throw new HoldfastError('usage', what, { hint: `Give one of ${Object.keys(loaders).join(', ')}.` });
    }
    const needsId = kind !== 'config' && kind !== 'masterkey';
    if (needsId !== (id !== undefined) || more.length > 0) {
      throw new HoldfastError('usage', needsId ? `cat ${kind} needs exactly one id` : `cat ${kind} takes no id`, {
        hint: 'Add --help to the command to see how it is used.',
      });
    }
    await withReadLock(context, async (session) => print(context, await load(session, id ?? '', context)));
    return 0;
  },
});

async function print({ output }: CommandContext, found: CatOutput): Promise<void> {
  if ('json' in found) output.line(found.json);
  else await output.content(found.raw);
}

const loaders: Readonly<Record<string, Cat>> = {
  config: async ({ repository }) => {
    const { version, id, polynomial } = repository.config;
    return { json: JSON.stringify({ version, id, chunker_polynomial: formatPolynomial(polynomial) }, null, 2) };
  },
  masterkey: async ({ repository }) => ({ json: indent(encodeMasterKey(repository.masterKey)) }),
  key: async ({ repository, signal }, id) => {
    const keyId = await findByPrefix<KeyId>(repository.backend, 'key', id, { signal });
    return { json: indent(encodeKeyFile(await loadKeyFile(repository.backend, keyId, { signal }))) };
  },
  lock: async ({ repository, signal }, id) => {
    const lockId = await findByPrefix<LockId>(repository.backend, 'lock', id, { signal });
    return { json: indent(await repository.files.load('lock', lockId, { signal })) };
  },
  index: async ({ repository, signal }, id) => {
    const indexId = await findByPrefix<IndexId>(repository.backend, 'index', id, { signal });
    return { json: await repository.files.load('index', indexId, { signal }) };
  },
  snapshot: async ({ repository, signal }, id) => {
    const { snapshot } = await repository.snapshots.find(id, everySnapshot, { signal });
    return { json: indent(encodeSnapshot(snapshot)) };
  },
  pack: catPack,
  blob: catBlob,
  tree: async (session, reference) => {
    const found = await session.repository.snapshots.find(reference, everySnapshot, { signal: session.signal });
    const reader = await openReader(session);
    return { raw: await reader.loadBlob(treeBlob, await treeOf(reader, found)) };
  },
};

/** A damaged pack is given out all the same: whoever asks for it wants to look at the damage. */
async function catPack({ repository, signal }: RepositorySession, id: string, { events }: CommandContext): Promise<CatOutput> {
  const name = await findByPrefix(repository.backend, 'pack', id, { signal });
  const raw = await repository.backend.load({ kind: 'pack', name }, { signal });
  const digest = sha256Hex(raw);
  if (digest !== name) events({ kind: 'warning', message: `the content of pack ${name} has another digest: ${digest}` });
  return { raw };
}

async function catBlob(session: RepositorySession, id: string): Promise<CatOutput> {
  const reader = await openReader(session);
  const blob = findBlob(reader.index, id);
  const type = reader.index.find(idToBytes(blob), dataBlob) >= 0 ? dataBlob : treeBlob;
  return { raw: await reader.loadBlob(type, blob) };
}

/** The one blob whose id begins so. */
function findBlob(index: { readonly entryCount: number; idHex(entry: number): string }, prefix: string): BlobId {
  const matches = new Set<string>();
  for (let entry = 0; entry < index.entryCount; entry++) {
    const id = index.idHex(entry);
    if (id.startsWith(prefix)) matches.add(id);
  }
  const [only] = matches;
  if (only === undefined)
    throw new HoldfastError('not-found', `no blob has an id that begins with ${JSON.stringify(prefix)}`, { hint: 'Check the id.' });
  if (matches.size === 1) return only as BlobId;
  throw new HoldfastError('ambiguous', `${matches.size} blobs have ids that begin with ${JSON.stringify(prefix)}`, {
    hint: 'Give more digits.',
  });
}

function indent(json: Uint8Array): string {
  return JSON.stringify(JSON.parse(Buffer.from(json).toString('utf8')), null, 2);
}
