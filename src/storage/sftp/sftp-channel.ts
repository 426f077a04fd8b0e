/**
 * One SFTP session: the requests of the protocol (version 3, draft-ietf-secsh-filexfer-02) as promises, any number under way at once. A session
 * on which no answer comes for too long, or whose connection broke, fails all of them and is of no use any more.
 *
 * A request that the server refuses throws what ssh2 gives, an error whose `code` is the number of the refusal; sftp-errors.ts has words for it.
 */
import type { FileEntryWithStats, SFTPWrapper, Stats } from 'ssh2';
import type { HoldfastError } from '../../base/errors.ts';
import type { TransferPaces } from '../pace.ts';
import { stalledError } from './sftp-errors.ts';
import { isStatus } from './sftp-status.ts';
import { type Extension, hasExtension, maxRequestBytes } from './ssh2-internals.ts';

/** A handle that the server gave for a file or folder that is open there. */
export type Handle = Buffer;

/** SSH_FXF_… of the protocol. */
export const openFlags = { read: 0x01, write: 0x02, create: 0x08, exclusive: 0x20 } as const;

/** With 32 of them under way, 2 MiB: what a way of 100 Mbit/s and 160 ms holds. OpenSSH takes up to 255 KiB, the protocol says 32. */
const wantedPieceBytes = 64 << 10;
/** What every server takes: 34000 bytes with all that is around. */
const safePieceBytes = 30 << 10;

type Callback<T> = (error: Error | null | undefined, value: T) => void;

export interface ChannelOptions {
  /** For people. */
  readonly location: string;
  /** After so long without an answer to anything the session has failed. */
  readonly stallMs: number;
  readonly paces?: TransferPaces | undefined;
  /** The connection is of no use either. */
  readonly onStall: (error: HoldfastError) => void;
}

export class SftpChannel {
  /** What one request reads or writes at most. */
  readonly pieceBytes: number;
  readonly #sftp: SFTPWrapper;
  readonly #options: ChannelOptions;
  readonly #pending = new Set<(error: Error) => void>();
  readonly #ended = new AbortController();
  #failure: Error | undefined;
  #stall: NodeJS.Timeout | undefined;

  constructor(sftp: SFTPWrapper, options: ChannelOptions) {
    this.#sftp = sftp;
    this.#options = options;
    const paced = [options.paces?.upload, options.paces?.download].flatMap((pace) => (pace === undefined ? [] : [pace.pieceBytes]));
    this.pieceBytes = Math.min(wantedPieceBytes, maxRequestBytes(sftp) ?? safePieceBytes, ...paced);
  }

  /** False once it has failed. */
  get isUsable(): boolean {
    return this.#failure === undefined;
  }

  has(extension: Extension): boolean {
    return hasExtension(this.#sftp, extension);
  }

  /** All requests fail with this error, those under way and those to come. */
  fail(error: Error): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    clearTimeout(this.#stall);
    for (const reject of this.#pending) reject(error);
    this.#pending.clear();
    this.#ended.abort(error);
    this.#sftp.end();
  }

  open(path: string, flags: number, mode?: number): Promise<Handle> {
    return this.#ask((done) => (mode === undefined ? this.#sftp.open(path, flags, done) : this.#sftp.open(path, flags, { mode }, done)));
  }

  /** Also of a folder. */
  async close(handle: Handle): Promise<void> {
    await this.#ask<unknown>((done) => this.#sftp.close(handle, asCallback(done)));
  }

  /** @returns how many bytes came: fewer before the end of the file, too; 0 at its end */
  async read(handle: Handle, target: Buffer, offset: number, length: number, position: number): Promise<number> {
    await this.#options.paces?.download?.take(length, this.#ended.signal);
    return await this.#ask((done) => this.#sftp.read(handle, target, offset, length, position, done));
  }

  async write(handle: Handle, bytes: Buffer, position: number): Promise<void> {
    await this.#options.paces?.upload?.take(bytes.length, this.#ended.signal);
    await this.#ask<unknown>((done) => this.#sftp.write(handle, bytes, 0, bytes.length, position, asCallback(done)));
  }

  /** Follows links. */
  stat(path: string): Promise<Stats> {
    return this.#ask((done) => this.#sftp.stat(path, done));
  }

  openFolder(path: string): Promise<Handle> {
    return this.#ask((done) => this.#sftp.opendir(path, done));
  }

  /** The next entries of an open folder; undefined when there are no more. */
  async readFolder(handle: Handle): Promise<FileEntryWithStats[] | undefined> {
    try {
      return await this.#ask<FileEntryWithStats[]>((done) => this.#sftp.readdir(handle, done));
    } catch (error) {
      if (isStatus(error, 'eof')) return undefined;
      throw error;
    }
  }

  async makeFolder(path: string, mode: number): Promise<void> {
    await this.#ask<unknown>((done) => this.#sftp.mkdir(path, { mode }, asCallback(done)));
  }

  async remove(path: string): Promise<void> {
    await this.#ask<unknown>((done) => this.#sftp.unlink(path, asCallback(done)));
  }

  async setMode(handle: Handle | string, mode: number): Promise<void> {
    await this.#ask<unknown>((done) =>
      typeof handle === 'string'
        ? this.#sftp.setstat(handle, { mode }, asCallback(done))
        : this.#sftp.fsetstat(handle, { mode }, asCallback(done)),
    );
  }

  /** By the protocol it fails where there is a file already. */
  async rename(from: string, to: string): Promise<void> {
    await this.#ask<unknown>((done) => this.#sftp.rename(from, to, asCallback(done)));
  }

  /** In one step over whatever is there. Only with the extension `posix-rename`. */
  async replace(from: string, to: string): Promise<void> {
    await this.#ask<unknown>((done) => this.#sftp.ext_openssh_rename(from, to, asCallback(done)));
  }

  /** A second name, which must not be there yet. Only with the extension `hardlink`. */
  async link(from: string, to: string): Promise<void> {
    await this.#ask<unknown>((done) => this.#sftp.ext_openssh_hardlink(from, to, asCallback(done)));
  }

  /** Only with the extension `fsync`. */
  async sync(handle: Handle): Promise<void> {
    await this.#ask<unknown>((done) => this.#sftp.ext_openssh_fsync(handle, done));
  }

  /** Room for this user in the file system of a path. Only with the extension `statvfs`. */
  async room(path: string): Promise<{ freeBytes: number; totalBytes: number; freeFiles?: number }> {
    const found = (await this.#ask<unknown>((done) => this.#sftp.ext_openssh_statvfs(path, done))) as Record<string, unknown>;
    const number = (name: string): number => Number(found[`f_${name}`] ?? 0);
    const bytes = {
      freeBytes: number('bavail') * number('frsize'),
      totalBytes: (number('blocks') - number('bfree') + number('bavail')) * number('frsize'),
    };
    // Some file systems count no files: they have room for as many as fit.
    return number('files') === 0 ? bytes : { ...bytes, freeFiles: number('favail') };
  }

  #ask<T>(start: (done: Callback<T>) => void): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    if (this.#failure !== undefined) {
      reject(this.#failure);
      return promise;
    }
    this.#pending.add(reject);
    this.#watch();
    start((error, value) => {
      if (!this.#pending.delete(reject)) return;
      this.#watch();
      if (error === null || error === undefined) resolve(value);
      else reject(error);
    });
    return promise;
  }

  /** Every answer is a sign of life: the wait begins anew. */
  #watch(): void {
    clearTimeout(this.#stall);
    if (this.#pending.size === 0) return;
    this.#stall = setTimeout(() => {
      const error = stalledError(this.#options.location, this.#options.stallMs);
      this.fail(error);
      this.#options.onStall(error);
    }, this.#options.stallMs);
  }
}

/** The library's callbacks for what has no answer but "done". */
function asCallback(done: Callback<undefined>): (error?: Error | null) => void {
  return (error) => done(error, undefined);
}
