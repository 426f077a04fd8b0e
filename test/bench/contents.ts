/** What the generated small files hold: text, records as programs keep them, and bytes that are compressed already. */
import { incompressibleBytes, randomNumbers } from './random.ts';

export type ContentKind = 'text' | 'records' | 'dense';

const poolBytes = 4 * 1024 * 1024;
// Contents are put together from pieces, so that large files have no long stretch in common: only chunks that are equal are stored once.
const pieceBytes = 64 * 1024;
const vocabularySize = 4000;
const recordBytes = 32;

export class Contents {
  readonly #pools: Readonly<Record<ContentKind, Buffer>>;

  constructor(seed: number) {
    this.#pools = { text: textPool(seed), records: recordPool(seed), dense: incompressibleBytes(`dense ${seed}`)(poolBytes) };
  }

  /** The same seed gives the same bytes. */
  make(kind: ContentKind, sizeBytes: number, seed: number): Buffer {
    const next = randomNumbers(seed);
    const content = Buffer.allocUnsafe(sizeBytes);
    const pool = this.#pools[kind];
    for (let done = 0; done < sizeBytes; done += pieceBytes) {
      const length = Math.min(pieceBytes, sizeBytes - done);
      const start = Math.floor(next() * (pool.length - length));
      pool.copy(content, done, start, start + length);
    }
    return content;
  }
}

/** Words of an invented language, the frequent ones short and far more frequent, as in real ones (Zipf). */
function textPool(seed: number): Buffer {
  const next = randomNumbers(seed);
  const letters = 'etaoinshrdlucmfwypvbgkjqxz';
  const letter = () => letters[Math.floor(next() ** 2 * letters.length)] ?? 'e';
  const words = Array.from({ length: vocabularySize }, (_, rank) =>
    Array.from({ length: 2 + Math.floor(Math.log2(rank + 1) * next()) }, letter).join(''),
  );
  const parts: string[] = [];
  for (let length = 0, column = 0; length < poolBytes; ) {
    const word = words[Math.floor(vocabularySize ** next()) - 1] ?? 'e';
    column += word.length + 1;
    const end = column > 80 ? '\n' : ' ';
    if (end === '\n') column = 0;
    parts.push(word, end);
    length += word.length + 1;
  }
  return Buffer.from(parts.join('')).subarray(0, poolBytes);
}

/** Records with a running number, small numbers, a flag and eight random bytes: like tables, indexes and object files. */
function recordPool(seed: number): Buffer {
  const next = randomNumbers(seed + 1);
  const random = incompressibleBytes(`records ${seed}`);
  const pool = Buffer.alloc(poolBytes);
  for (let offset = 0; offset < poolBytes; offset += recordBytes) {
    pool.writeUInt32LE(offset / recordBytes, offset);
    pool.writeUInt32LE(Math.floor(next() * 1000), offset + 4);
    pool.writeUInt16LE(Math.floor(next() ** 3 * 64), offset + 8);
    random(8).copy(pool, offset + 16);
  }
  return pool;
}
