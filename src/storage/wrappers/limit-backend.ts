/**
 * A rate for a backend that knows nothing of paces: a folder of this machine, perhaps mounted over a slow line or shared with others.
 *
 * Where the files are this machine's own, they are written and read here piece by piece, and nothing else may open them: what is staged
 * waits in another folder, for otherwise its bytes would go to the repository's disk as fast as they come. Elsewhere a transfer waits for
 * its turn and then goes as a whole, which keeps the rate over the minutes and not within a second.
 */
import { open, stat, unlink } from 'node:fs/promises';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { throwIfCancelled } from '../../base/cancellation.ts';
import { asHoldfastError } from '../../base/errors.ts';
import type { AdoptOptions, Backend, BackendCapabilities, CallOptions, LoadOptions, SaveOptions, StoredFile } from '../backend.ts';
import { oversizedFileError } from '../backend.ts';
import { ForwardingBackend } from '../forwarding-backend.ts';
import { type Pace, pacedPieces, type TransferPaces } from '../pace.ts';
import type { StagingArea } from '../staging-area.ts';

export interface LimitOptions extends TransferPaces {
  /** Not on the disk of the repository. */
  readonly staging: StagingArea;
}

const stagingMode = 0o700;
const stagedFileMode = 0o600;

export class LimitBackend extends ForwardingBackend {
  readonly #options: LimitOptions;
  #copyCount = 0;

  constructor(inner: Backend, options: LimitOptions) {
    super(inner);
    this.#options = options;
  }

  /** Whoever opened the files behind our back would not be held to the rate. */
  override get capabilities(): BackendCapabilities {
    return { ...this.inner.capabilities, localFiles: false };
  }

  override pathOf(file: StoredFile): undefined {
    this.inner.pathOf(file);
  }

  override async stagingFolder(options: CallOptions = {}): Promise<string> {
    if (this.#options.upload === undefined) return await super.stagingFolder(options);
    throwIfCancelled(options.signal);
    try {
      return await this.#options.staging.folder(stagingMode);
    } catch (error) {
      throw asHoldfastError(error);
    }
  }

  override async save(file: StoredFile, bytes: Uint8Array, options: SaveOptions = {}): Promise<void> {
    const { upload } = this.#options;
    const isShort = upload === undefined || bytes.length <= upload.pieceBytes;
    // A config is short; and only `save` refuses a second one.
    if (isShort || file.kind === 'config' || !this.inner.capabilities.localFiles) {
      await waitForTurn(upload, file, bytes.length, options.signal);
      return await super.save(file, bytes, options);
    }
    await this.#adoptCopy(file, [bytes], upload, options);
  }

  override async adopt(file: StoredFile, stagedPath: string, options: AdoptOptions = {}): Promise<void> {
    const { upload } = this.#options;
    if (upload === undefined) return await super.adopt(file, stagedPath, options);
    throwIfCancelled(options.signal);
    try {
      const { size } = await stat(stagedPath);
      if (!this.inner.capabilities.localFiles) {
        await waitForTurn(upload, file, size, options.signal);
        return await super.adopt(file, stagedPath, options);
      }
      await this.#adoptCopy(file, createReadStream(stagedPath, { highWaterMark: upload.pieceBytes }), upload, options);
      await unlink(stagedPath);
    } catch (error) {
      throw asHoldfastError(error);
    }
  }

  override async load(file: StoredFile, options: LoadOptions = {}): Promise<Buffer> {
    const { download } = this.#options;
    if (download === undefined) return await super.load(file, options);
    if (this.inner.capabilities.localFiles) return await this.#loadInPieces(file, options, download);
    const bytes = await super.load(file, options);
    // Known only now. The next transfer waits for this one.
    await waitForTurn(download, file, bytes.length, options.signal);
    return bytes;
  }

  override async close(): Promise<void> {
    await super.close();
    await this.#options.staging.close();
  }

  /** Written at the pace beside the files of the repository, then taken over as if it had been staged there. */
  async #adoptCopy(
    file: StoredFile,
    source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
    pace: Pace,
    options: AdoptOptions,
  ): Promise<void> {
    this.inner.pathOf(file);
    const path = join(await this.inner.stagingFolder(options), `limited-${this.#copyCount++}`);
    try {
      await writePieces(path, pacedPieces(source, pace, options.signal));
      await this.inner.adopt(file, path, options);
    } catch (error) {
      await unlink(path).catch(() => {});
      throw asHoldfastError(error);
    }
  }

  async #loadInPieces(file: StoredFile, options: LoadOptions, pace: Pace): Promise<Buffer> {
    const { offset = 0, length, maxBytes = Number.POSITIVE_INFINITY, signal } = options;
    const span = length ?? (await this.inner.stat(file, { signal })).sizeBytes - offset;
    if (length === undefined && span > maxBytes) throw oversizedFileError(file, maxBytes, span);
    if (span <= pace.pieceBytes) {
      await pace.take(Math.max(0, span), signal);
      return await super.load(file, options);
    }
    // The last byte first: what is too short is not read for minutes before that shows, and no memory is taken for it.
    await super.load(file, { ...options, offset: offset + span - 1, length: 1 });
    const target = Buffer.allocUnsafeSlow(span);
    for (let from = 0; from < span; from += pace.pieceBytes) {
      const pieceLength = Math.min(pace.pieceBytes, span - from);
      await pace.take(pieceLength, signal);
      target.set(await super.load(file, { ...options, offset: offset + from, length: pieceLength }), from);
    }
    return target;
  }
}

/** A lock must be written in time, however much is on its way: it counts, and does not wait. */
async function waitForTurn(pace: Pace | undefined, { kind }: StoredFile, bytes: number, signal: AbortSignal | undefined): Promise<void> {
  if (pace === undefined) return;
  throwIfCancelled(signal);
  if (kind === 'lock') pace.charge(bytes);
  else await pace.take(bytes, signal);
}

async function writePieces(path: string, pieces: AsyncIterable<Buffer>): Promise<void> {
  const handle = await open(path, 'wx', stagedFileMode);
  try {
    for await (const piece of pieces) await handle.writeFile(piece);
  } finally {
    await handle.close();
  }
}
