/** The answer to a request for a list: names with sizes (version 2 of the protocol), or names alone (version 1). */
import { HoldfastError } from '../../base/errors.ts';
import { isId } from '../../base/ids.ts';
import type { FileKind, ListedFile } from '../backend.ts';

const idBytes = 32;
const sizeBytes = 8;
const rowBytes = idBytes + sizeBytes;
const firstRows = 1024;
/** No entry is so long, nor what stands between two. */
const maxEntryLength = 64 << 10;
const unknownSize = -1;

/** Names and sizes side by side: a million files take 40 MB, and a quarter of a gigabyte as objects. */
export class FoundFiles {
  #rows = Buffer.allocUnsafeSlow(firstRows * rowBytes);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  add(name: string, size: number): void {
    if ((this.#count + 1) * rowBytes > this.#rows.length) this.#grow();
    const at = this.#count++ * rowBytes;
    this.#rows.write(name, at, 'hex');
    this.#rows.writeDoubleLE(size, at + idBytes);
  }

  /** A size below zero is one that the server did not tell. */
  at(row: number): ListedFile {
    const start = row * rowBytes;
    return { name: this.#rows.toString('hex', start, start + idBytes), sizeBytes: this.#rows.readDoubleLE(start + idBytes) };
  }

  #grow(): void {
    const larger = Buffer.allocUnsafeSlow(this.#rows.length * 2);
    larger.set(this.#rows);
    this.#rows = larger;
  }
}

/**
 * Reads the whole list, piece by piece: the connection is free again before anybody works through it. Names that are no ids are skipped.
 * @throws HoldfastError `storage-failed` for what is no list, and for one that was cut short
 */
export async function readListing(kind: FileKind, pieces: AsyncIterable<Uint8Array>, hasSizes: boolean): Promise<FoundFiles> {
  const found = new FoundFiles();
  const add = hasSizes ? addSized : addName;
  const end = hasSizes ? '}' : ',';
  let rest = '';
  for await (const piece of pieces) {
    rest += Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength).toString('latin1');
    let from = 0;
    for (let at = rest.indexOf(end); at >= 0; at = rest.indexOf(end, from)) {
      add(kind, found, rest.slice(from, hasSizes ? at + 1 : at));
      from = at + 1;
    }
    rest = rest.slice(from);
    if (rest.length > maxEntryLength) throw brokenList(kind);
  }
  finish(kind, found, rest, hasSizes);
  return found;
}

/** What is behind the last separator. */
function finish(kind: FileKind, found: FoundFiles, rest: string, hasSizes: boolean): void {
  const tail = rest.trim();
  if (tail === 'null' && found.count === 0) return;
  if (!tail.endsWith(']')) throw brokenList(kind);
  const last = tail.slice(0, -1).trim();
  if (hasSizes ? last === '' || last === '[' : last === '[') return;
  if (hasSizes) throw brokenList(kind);
  addName(kind, found, last);
}

/** `[{"name":"…","size":1}` or `,{"name":…}` */
function addSized(kind: FileKind, found: FoundFiles, text: string): void {
  const entry = parse(kind, text.replace(/^[\s[,]*/, ''));
  if (typeof entry !== 'object' || entry === null || !('name' in entry) || !('size' in entry)) throw brokenList(kind);
  const { name, size } = entry;
  if (typeof name !== 'string' || typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) throw brokenList(kind);
  if (isId(name)) found.add(name, size);
}

/** `["…"` or `"…"` */
function addName(kind: FileKind, found: FoundFiles, text: string): void {
  const name = parse(kind, text.replace(/^[\s[]*/, ''));
  if (typeof name !== 'string') throw brokenList(kind);
  if (isId(name)) found.add(name, unknownSize);
}

function parse(kind: FileKind, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw brokenList(kind);
  }
}

function brokenList(kind: FileKind): HoldfastError {
  return new HoldfastError('storage-failed', `the list of files of the kind ${kind} that the server sent is broken or cut short`, {
    hint: 'Check that the address is that of a restic REST server.',
    isRetryable: true,
  });
}
