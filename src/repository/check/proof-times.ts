/**
 * When each pack of a repository was proved last, in a file of this machine: by it `--read-data-oldest` goes round the repository.
 *
 * The file is small (40 bytes a pack) and worth nothing more than the order in which packs are read. Lost or damaged, the round begins
 * anew; two checks at once add up what they found. It is replaced as a whole, so a kill leaves the old one or the new one.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, open, readFile, rename, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { asHoldfastError, HoldfastError } from '../../base/errors.ts';
import { idLengthBytes } from '../../base/ids.ts';
import { sha256Hex, sha256Into } from '../../crypto/sha256.ts';

/** First line of the file. Then follow the records, id and milliseconds since 1970, and at the end the SHA-256 of all before. */
const heading = Buffer.from('holdfast: when packs were proved, 1\n');
const recordBytes = idLengthBytes + 8;
const digestBytes = 32;

export class ProofTimes {
  readonly #path: string;
  readonly #times: Map<string, number>;
  /** What this run proved. */
  readonly #news = new Map<string, number>();

  private constructor(path: string, times: Map<string, number>) {
    this.#path = path;
    this.#times = times;
  }

  /**
   * @param onUnreadable called when there is a file that cannot be used: nothing is known then
   */
  static async load(path: string, onUnreadable: (error: HoldfastError) => void): Promise<ProofTimes> {
    return new ProofTimes(path, await readTimes(path, onUnreadable));
  }

  get packCount(): number {
    return this.#times.size;
  }

  /** In milliseconds since 1970. */
  timeOf(pack: string): number | undefined {
    return this.#times.get(pack);
  }

  add(pack: string, ms: number): void {
    this.#times.set(pack, ms);
    this.#news.set(pack, ms);
  }

  /**
   * Writes the file with what other processes wrote since it was loaded.
   * @param isThere whether the repository still has the pack: others are dropped
   * @throws HoldfastError `storage-*`
   */
  async save(isThere: (pack: string) => boolean): Promise<void> {
    const times = await readTimes(this.#path, () => {});
    for (const [pack, ms] of this.#news) times.set(pack, Math.max(ms, times.get(pack) ?? 0));
    for (const pack of times.keys()) if (!isThere(pack)) times.delete(pack);
    try {
      await replaceFile(this.#path, encode(times));
    } catch (error) {
      throw asHoldfastError(error);
    }
  }
}

async function readTimes(path: string, onUnreadable: (error: HoldfastError) => void): Promise<Map<string, number>> {
  try {
    return decode(await readFile(path));
  } catch (thrown) {
    const error = asHoldfastError(thrown);
    if (error.code !== 'storage-missing') onUnreadable(error);
    return new Map();
  }
}

function encode(times: ReadonlyMap<string, number>): Buffer {
  const bytes = Buffer.alloc(heading.length + times.size * recordBytes + digestBytes);
  heading.copy(bytes);
  let at = heading.length;
  for (const [pack, ms] of times) {
    bytes.write(pack, at, 'hex');
    bytes.writeDoubleLE(ms, at + idLengthBytes);
    at += recordBytes;
  }
  sha256Into(bytes.subarray(0, at), bytes.subarray(at));
  return bytes;
}

/** @throws HoldfastError `damaged` */
function decode(bytes: Buffer): Map<string, number> {
  const end = bytes.length - digestBytes;
  const isWhole = end >= heading.length && bytes.subarray(0, heading.length).equals(heading) && (end - heading.length) % recordBytes === 0;
  if (!isWhole || sha256Hex(bytes.subarray(0, end)) !== bytes.toString('hex', end)) {
    throw new HoldfastError('damaged', 'it is not what was written');
  }
  const times = new Map<string, number>();
  for (let at = heading.length; at < end; at += recordBytes) {
    times.set(bytes.toString('hex', at, at + idLengthBytes), bytes.readDoubleLE(at + idLengthBytes));
  }
  return times;
}

/** Under another name first, made durable, then renamed. */
async function replaceFile(path: string, bytes: Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const temporary = `${path}.${process.pid}-${randomBytes(4).toString('hex')}`;
  try {
    const handle = await open(temporary, 'wx', 0o600);
    try {
      await handle.writeFile(bytes);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await unlink(temporary).catch(() => {});
    throw error;
  }
}
