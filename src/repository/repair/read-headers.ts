/** Has the headers of packs read into the index table: by workers where they can open packs, else in this thread. */
import { systemRandomness } from '../../base/clock.ts';
import { asHoldfastError } from '../../base/errors.ts';
import type { EventSink } from '../../base/events.ts';
import type { MasterKey } from '../../crypto/master-key.ts';
import { Sealer } from '../../crypto/sealer.ts';
import { headerLengthFieldBytes, readHeaderLength } from '../../format/pack-header.ts';
import type { Backend } from '../../storage/backend.ts';
import type { IndexTable } from '../../workers/index-table.ts';
import { damageOf, firstTailBytes, HeaderIndexer } from '../../workers/prune/header-indexer.ts';
import type { DamagedPack, ListedPack } from '../../workers/prune/messages.ts';
import { inLanes, type PruneWorkers } from '../prune/prune-workers.ts';

/** A header takes some 100 us: few enough to share the work out, enough to make a message's cost small. */
const packsPerRequest = 32;
/** Headers that are fetched at once from a storage that is not local. */
const fetchesAtOnce = 16;

export interface ReadHeadersOptions {
  readonly backend: Backend;
  readonly key: MasterKey;
  readonly workers: PruneWorkers;
  readonly index: IndexTable;
  readonly events: EventSink;
  readonly signal: AbortSignal | undefined;
}

export interface ReadHeaders {
  /** The numbers that the table gave to the packs. */
  readonly packs: readonly number[];
  readonly damaged: readonly DamagedPack[];
}

/** @throws HoldfastError `storage-*` when the storage does not give what it has */
export async function readHeaders(listed: readonly ListedPack[], options: ReadHeadersOptions): Promise<ReadHeaders> {
  const packs: number[] = [];
  const damaged: DamagedPack[] = [];
  const take = (found: { readonly packs: Iterable<number>; readonly damaged: readonly DamagedPack[] }): void => {
    for (const pack of found.packs) packs.push(pack);
    damaged.push(...found.damaged);
    const filesDone = packs.length + damaged.length;
    options.events({
      kind: 'progress',
      operation: 'reindex',
      filesDone,
      filesTotal: listed.length,
      bytesDone: 0,
      errorCount: damaged.length,
    });
  };
  const { workers, index } = options;
  if (workers.packFolder === undefined) await readHere(listed, options, take);
  else {
    await inLanes(workers.lanes, batchesOf(listed), async (batch) => {
      take(await workers.ask({ kind: 'headers', memory: index.memory, packs: batch }));
    });
  }
  return { packs, damaged };
}

async function readHere(listed: readonly ListedPack[], options: ReadHeadersOptions, take: (found: ReadHeaders) => void): Promise<void> {
  const indexer = new HeaderIndexer(options.index, new Sealer(options.key, systemRandomness));
  await inLanes(fetchesAtOnce, listed, async (pack) => {
    try {
      const tail = await loadTail(pack, options);
      take({ packs: [indexer.add(pack, tail)], damaged: [] });
    } catch (thrown) {
      take({ packs: [], damaged: [{ pack: pack.id, message: damageOf(asHoldfastError(thrown)) }] });
    }
  });
}

async function loadTail({ id, sizeBytes }: ListedPack, { backend, signal }: ReadHeadersOptions): Promise<Buffer> {
  const load = async (length: number): Promise<Buffer> =>
    await backend.load({ kind: 'pack', name: id }, { offset: sizeBytes - length, length, signal });
  const tail = await load(Math.min(firstTailBytes, sizeBytes));
  const needed = readHeaderLength(tail, sizeBytes) + headerLengthFieldBytes;
  return needed <= tail.length ? tail : await load(needed);
}

function* batchesOf(listed: readonly ListedPack[]): Generator<readonly ListedPack[]> {
  for (let start = 0; start < listed.length; start += packsPerRequest) yield listed.slice(start, start + packsPerRequest);
}
