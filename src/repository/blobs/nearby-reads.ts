/**
 * Reads of blobs from packs that are far away. Whoever reads one blob of a pack and soon another of it (the files of a folder, the trees of
 * a walk) will want what stands between and behind: then a larger span is fetched at once, and kept for a while.
 */
import type { IndexTable } from '../../workers/index-table.ts';
import type { Backend, LoadOptions } from '../../storage/backend.ts';

/** A request costs about as much as a megabyte on usual links (restic reckons alike); twice that makes the requests the smaller part. */
const spanBytes = 2 << 20;
/** Spans that are kept: of several packs that are read in turns. */
const maxSpans = 8;
/** A second read of one of the packs that were asked for last begins a span. */
const rememberedPacks = 32;

interface Span {
  readonly pack: number;
  readonly offset: number;
  readonly length: number;
  readonly bytes: Promise<Buffer>;
}

export class NearbyReads {
  readonly #backend: Backend;
  readonly #index: IndexTable;
  /** The one used last stands last. */
  #spans: Span[] = [];
  readonly #recentPacks = new Set<number>();
  #ends: Uint32Array | undefined;

  constructor(backend: Backend, index: IndexTable) {
    this.#backend = backend;
    this.#index = index;
  }

  /** The sealed bytes of a blob: a buffer of the caller's own. @throws HoldfastError as `load` of the backend */
  async load(entry: number, options: Pick<LoadOptions, 'signal' | 'isFresh' | 'holdsTrees'>): Promise<Buffer> {
    const pack = this.#index.packOf(entry);
    const offset = this.#index.offsetOf(entry);
    const length = this.#index.lengthOf(entry);
    const alone = (): Promise<Buffer> => this.#fetch(pack, offset, length, options);
    if (options.isFresh === true) return await alone();
    const span = this.#spanWith(pack, offset, length) ?? this.#beginSpan(pack, offset, length, options);
    if (span === undefined) return await alone();
    try {
      const from = offset - span.offset;
      return Buffer.from((await span.bytes).subarray(from, from + length));
    } catch {
      // What is wrong may be with another part of the span: this blob alone says it better, and may be whole.
      this.#spans = this.#spans.filter((kept) => kept !== span);
      return await alone();
    }
  }

  #spanWith(pack: number, offset: number, length: number): Span | undefined {
    const at = this.#spans.findIndex((span) => span.pack === pack && span.offset <= offset && offset + length <= span.offset + span.length);
    const [found] = at < 0 ? [] : this.#spans.splice(at, 1);
    if (found !== undefined) this.#spans.push(found);
    return found;
  }

  /** Undefined where nothing says that more of the pack will be wanted, or nothing more fits. */
  #beginSpan(pack: number, offset: number, length: number, options: LoadOptions): Span | undefined {
    const isKnown = this.#recentPacks.delete(pack);
    this.#recentPacks.add(pack);
    if (this.#recentPacks.size > rememberedPacks) this.#forgetOldestPack();
    const spanLength = Math.min(spanBytes, this.#endOf(pack) - offset);
    if (!isKnown || spanLength <= length) return undefined;
    const bytes = this.#fetch(pack, offset, spanLength, options);
    // Whoever waits for it is told; it may be that nobody does any more.
    bytes.catch(() => {});
    const span = { pack, offset, length: spanLength, bytes };
    this.#spans.push(span);
    if (this.#spans.length > maxSpans) this.#spans.shift();
    return span;
  }

  #forgetOldestPack(): void {
    for (const oldest of this.#recentPacks) {
      this.#recentPacks.delete(oldest);
      return;
    }
  }

  async #fetch(pack: number, offset: number, length: number, options: LoadOptions): Promise<Buffer> {
    return await this.#backend.load({ kind: 'pack', name: this.#index.packIdHex(pack) }, { ...options, offset, length });
  }

  /** Where the last blob of a pack ends that the index knows; 0 for a pack that came later. */
  #endOf(pack: number): number {
    this.#ends ??= endsOfPacks(this.#index);
    return this.#ends[pack] ?? 0;
  }
}

/** One pass over the index: some 30 ms for a million blobs. */
function endsOfPacks(index: IndexTable): Uint32Array {
  const ends = new Uint32Array(index.packCount);
  for (let entry = 0; entry < index.entryCount; entry++) {
    const pack = index.packOf(entry);
    if (pack < 0 || pack >= ends.length) continue;
    ends[pack] = Math.max(ends[pack] ?? 0, index.offsetOf(entry) + index.lengthOf(entry));
  }
  return ends;
}
