/**
 * The cached files of one repository in a folder of this machine: a copy that may vanish or rot at any moment, and never does harm.
 *
 * Names are digests of content, so a copy is right or wrong for ever, and each is proved when it is opened. Files come in under a temporary
 * name and are renamed, so that of several processes none sees half a file. Nothing here fails: what cannot be read is not there, what
 * cannot be written is not kept. Nothing is made durable either: what a power cut leaves behind is proved like everything else.
 *
 * Layout and names are those of restic's cache (its internal/backend/cache), so that the two may share a folder.
 */
import { hash, randomBytes } from 'node:crypto';
import { copyFile, mkdir, readdir, rename, rm, stat, unlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isId } from '../../base/ids.ts';
import type { FileKind, StoredFile } from '../backend.ts';
import { CachedFiles, type Span } from './cached-files.ts';
import { temporaryPrefix, trimCache } from './trim-cache.ts';

const cachedKinds = ['snapshot', 'index', 'pack'] as const satisfies readonly FileKind[];
type CachedKind = (typeof cachedKinds)[number];

const folders: Readonly<Record<CachedKind, string>> = { snapshot: 'snapshots', index: 'index', pack: 'data' };
const folderMode = 0o700;
const fileMode = 0o600;
/** After each such part of the limit that came in, and at the end, the folder is looked through: so much more it has at most. */
const trimShare = 1 / 16;

export interface CacheFolderOptions {
  /** The repository's folder. It is made when the first file comes in. */
  readonly path: string;
  /** What the folder may hold: beyond it, the files go that were not used for the longest time. */
  readonly limitBytes: number;
  /** The folder is removed at the end. */
  readonly isTemporary?: boolean;
}

export class CacheFolder {
  /** Larger files are not kept: one alone would push out much of the rest. */
  readonly maxFileBytes: number;
  readonly #path: string;
  readonly #limitBytes: number;
  readonly #isTemporary: boolean;
  readonly #files = new CachedFiles();
  #untrimmedBytes = 0;
  #trimming: Promise<void> | undefined;
  #canWrite = true;

  constructor({ path, limitBytes, isTemporary = false }: CacheFolderOptions) {
    this.#path = path;
    this.#limitBytes = limitBytes;
    this.#isTemporary = isTemporary;
    this.maxFileBytes = limitBytes / 4;
  }

  /** False once a file could not be written: then it is not worth while to fetch anything just to keep it. */
  get canWrite(): boolean {
    return this.#canWrite;
  }

  /** The span's bytes out of a copy that was proved to be whole, as a buffer of the caller's own; undefined where there is none. */
  async load(file: StoredFile, span: Span = {}): Promise<Buffer | undefined> {
    const path = this.#pathOf(file);
    return path === undefined ? undefined : await this.#files.read(path, file.name, span);
  }

  /**
   * @param bytes of the whole file
   * @returns whether they are what the name promises: otherwise they are not kept
   */
  async store(file: StoredFile, bytes: Uint8Array): Promise<boolean> {
    if (hash('sha256', bytes, 'hex') !== file.name) return false;
    if (bytes.length > this.maxFileBytes) return true;
    const temporary = await this.#writeTemporary(file, (path) => writeFile(path, bytes, { mode: fileMode, flag: 'wx' }));
    if (temporary !== undefined) await this.#publish(file, temporary, bytes.length);
    return true;
  }

  /**
   * Begins to keep a file that lies somewhere else on this machine, and is about to go.
   * @returns what ends it: called with true when the file is in the repository, and with false when it is not
   */
  async prepare(file: StoredFile, from: string): Promise<(isStored: boolean) => Promise<void>> {
    const sizeBytes = await sizeOf(from);
    const temporary = sizeBytes > this.maxFileBytes ? undefined : await this.#writeTemporary(file, (path) => copyFile(from, path));
    return async (isStored) => {
      if (temporary === undefined) return;
      if (isStored) await this.#publish(file, temporary, sizeBytes);
      else await unlink(temporary).catch(() => {});
    };
  }

  async drop(file: StoredFile): Promise<void> {
    const path = this.#pathOf(file);
    if (path === undefined) return;
    await this.#files.forget(path);
    await unlink(path).catch(() => {});
  }

  /** The names of all files of a kind that are kept. */
  async namesOf(kind: FileKind): Promise<Set<string>> {
    const names = new Set<string>();
    const folder = this.#folderOf(kind);
    if (folder === undefined) return names;
    for (const part of await namesIn(folder)) {
      for (const name of await namesIn(join(folder, part))) if (isId(name)) names.add(name);
    }
    return names;
  }

  /** Closes what is open and leaves the folder within its limit. */
  async close(): Promise<void> {
    await this.#files.close();
    await this.#trimming;
    if (this.#isTemporary) await rm(this.#path, { recursive: true, force: true }).catch(() => {});
    else if (this.#untrimmedBytes > 0) await this.#trim();
  }

  async #writeTemporary(file: StoredFile, write: (path: string) => Promise<void>): Promise<string | undefined> {
    const target = this.#pathOf(file);
    if (target === undefined || !this.#canWrite) return undefined;
    const temporary = join(dirname(target), `${temporaryPrefix}${process.pid}-${randomBytes(8).toString('hex')}`);
    try {
      await write(temporary).catch(async (error: unknown) => {
        if (!isMissing(error)) throw error;
        await mkdir(dirname(target), { recursive: true, mode: folderMode });
        await write(temporary);
      });
      return temporary;
    } catch (error) {
      // Where somebody removed the folder in between, the next file makes it anew.
      if (!isMissing(error)) this.#canWrite = false;
      await unlink(temporary).catch(() => {});
      return undefined;
    }
  }

  async #publish(file: StoredFile, temporary: string, sizeBytes: number): Promise<void> {
    const target = this.#pathOf(file);
    if (target === undefined) return;
    try {
      // What was there before and is open is not what is there now.
      await this.#files.forget(target);
      await rename(temporary, target);
    } catch {
      // Somebody removed the folder in between.
      await unlink(temporary).catch(() => {});
      return;
    }
    this.#untrimmedBytes += sizeBytes;
    if (this.#untrimmedBytes > this.#limitBytes * trimShare) this.#trimming ??= this.#trim();
  }

  async #trim(): Promise<void> {
    this.#untrimmedBytes = 0;
    await trimCache(this.#path, this.#limitBytes);
    this.#trimming = undefined;
  }

  #folderOf(kind: FileKind): string | undefined {
    return isCachedKind(kind) ? join(this.#path, folders[kind]) : undefined;
  }

  #pathOf({ kind, name }: StoredFile): string | undefined {
    const folder = this.#folderOf(kind);
    return folder === undefined || !isId(name) ? undefined : join(folder, name.slice(0, 2), name);
  }
}

function isCachedKind(kind: FileKind): kind is CachedKind {
  return (cachedKinds as readonly FileKind[]).includes(kind);
}

/** More than any file that is kept where it cannot be known. */
async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && (error as NodeJS.ErrnoException).code === 'ENOENT';
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch {
    return [];
  }
}
