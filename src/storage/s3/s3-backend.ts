/**
 * A repository in a bucket of an S3 server, in restic's default layout.
 *
 * An object is there completely or not at all, and durable when the server says so. Names are digests, which uploads carry in their
 * signatures: a server refuses content that is not what its name promises. A config is made with `If-None-Match: *`, so that of several
 * processes one wins; a server that does not know this condition is asked before whether there is a config, which leaves a moment.
 * In a bucket with versions, a removal hides the object, and a list shows what is not hidden.
 */
import { createHash } from 'node:crypto';
import { stat, unlink } from 'node:fs/promises';
import { CreateBucketCommand, DeleteObjectCommand, HeadObjectCommand } from '@aws-sdk/client-s3';
import { throwIfCancelled } from '../../base/cancellation.ts';
import type { Clock } from '../../base/clock.ts';
import { asHoldfastError, HoldfastError } from '../../base/errors.ts';
import {
  type AdoptOptions,
  type Backend,
  type BackendCapabilities,
  type CallOptions,
  configFile,
  describeFile,
  existingRepositoryError,
  type FileKind,
  type ListedFile,
  type ListOptions,
  type LoadOptions,
  missingFileError,
  missingRepositoryError,
  type SaveOptions,
  type StoredFile,
} from '../backend.ts';
import { pathSegments } from '../default-layout.ts';
import type { StagingArea } from '../staging-area.ts';
import type { S3Connection } from './s3-connection.ts';
import { S3Inspection } from './s3-inspection.ts';
import { listObjects } from './s3-listing.ts';
import { loadObject } from './s3-loading.ts';
import { putObject, type Upload } from './s3-uploads.ts';
import { S3Call, type S3CallWords } from './sdk-http-handler.ts';
import { type UploadRules, uploadParameters } from './upload-rules.ts';

const stagingMode = 0o700;
/** A config has some 150 bytes. */
const maxConfigBytes = 1 << 20;

export interface S3BackendParts {
  readonly connection: S3Connection;
  /** Before the names of all objects: empty, or without a slash at its end. */
  readonly prefix: string;
  readonly rules: UploadRules;
  readonly listsByFirstVersion: boolean;
  readonly staging: StagingArea;
  readonly clock: Clock;
}

export class S3Backend implements Backend {
  readonly location: string;
  readonly capabilities: BackendCapabilities = { localFiles: false, atomicCreate: true, isReadOnly: false };
  readonly inspection: S3Inspection;
  readonly #parts: S3BackendParts;
  readonly #connection: S3Connection;
  readonly #prefix: string;

  constructor(parts: S3BackendParts) {
    this.#parts = parts;
    this.#connection = parts.connection;
    this.inspection = new S3Inspection(parts.connection);
    this.location = parts.connection.location;
    this.#prefix = parts.prefix === '' ? '' : `${parts.prefix}/`;
  }

  async create({ signal }: CallOptions = {}): Promise<void> {
    const found = await this.#loadConfig(signal);
    if (found === 'no bucket') await this.#createBucket(signal);
    else if (found !== undefined) throw existingRepositoryError(this.location);
  }

  async open({ signal }: CallOptions = {}): Promise<void> {
    const found = await this.#loadConfig(signal);
    if (found === 'no bucket') throw missingBucketError(this.location, this.#connection.bucket);
    if (found === undefined) throw missingRepositoryError(this.location);
  }

  async save(file: StoredFile, bytes: Uint8Array, { signal, replacesConfig = false }: SaveOptions = {}): Promise<void> {
    if (file.kind === 'config' && !replacesConfig) return await this.#saveFirstConfig(bytes, signal);
    await this.#upload(file, bytes, signal, {});
  }

  async adopt(file: StoredFile, stagedPath: string, { signal, holdsTrees }: AdoptOptions = {}): Promise<void> {
    throwIfCancelled(signal);
    try {
      const body = { path: stagedPath, sizeBytes: (await stat(stagedPath)).size };
      await this.#upload(file, body, signal, { holdsData: file.kind === 'pack' && holdsTrees === false });
      await unlink(stagedPath);
    } catch (error) {
      throw asHoldfastError(error);
    }
  }

  async load(file: StoredFile, options: LoadOptions = {}): Promise<Buffer> {
    const { signal } = options;
    const sizeOf = async (): Promise<number> => (await this.stat(file, { signal })).sizeBytes;
    return await loadObject(this.#connection, { file, key: this.#key(file), call: callFor('loading', file, signal), options, sizeOf });
  }

  async stat(file: StoredFile, { signal }: CallOptions = {}): Promise<{ sizeBytes: number }> {
    const parameters = { Bucket: this.#connection.bucket, Key: this.#key(file) };
    const call = new S3Call(callFor('looking for', file, signal));
    try {
      const { ContentLength } = await this.#connection.ask(call, (client) => client.send(new HeadObjectCommand(parameters), call));
      if (ContentLength !== undefined) return { sizeBytes: ContentLength };
    } catch (error) {
      if (!(error instanceof HoldfastError) || call.answer?.statusCode !== 404) throw error;
      throw missingFileError(file, this.location, error);
    }
    throw new HoldfastError('storage-failed', `${call.what} failed: ${this.location} does not say how large it is`);
  }

  async exists(file: StoredFile, { signal }: CallOptions = {}): Promise<boolean> {
    return (await this.#sizeOf(file, signal)) !== undefined;
  }

  async *list(kind: FileKind, { signal }: ListOptions = {}): AsyncGenerator<ListedFile> {
    if (kind === 'config') {
      const sizeBytes = await this.#sizeOf(configFile, signal);
      if (sizeBytes !== undefined) yield { name: '', sizeBytes };
      return;
    }
    const { listsByFirstVersion } = this.#parts;
    yield* listObjects(this.#connection, { kind, prefix: this.#prefix, isFirstVersion: listsByFirstVersion, signal });
  }

  async remove(file: StoredFile, { signal }: CallOptions = {}): Promise<void> {
    const parameters = { Bucket: this.#connection.bucket, Key: this.#key(file) };
    const call = new S3Call(callFor('removing', file, signal));
    try {
      await this.#connection.ask(call, (client) => client.send(new DeleteObjectCommand(parameters), call));
    } catch (error) {
      // Most servers call it a success when there is nothing to remove.
      if (!(error instanceof HoldfastError) || error.context['s3Code'] !== 'NoSuchKey') throw error;
    }
  }

  pathOf(file: StoredFile): undefined {
    pathSegments(file);
  }

  async stagingFolder({ signal }: CallOptions = {}): Promise<string> {
    throwIfCancelled(signal);
    try {
      return await this.#parts.staging.folder(stagingMode);
    } catch (error) {
      throw asHoldfastError(error);
    }
  }

  async close(): Promise<void> {
    this.#connection.close();
    await this.#parts.staging.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #key(file: StoredFile): string {
    return this.#prefix + pathSegments(file).join('/');
  }

  async #upload(
    file: StoredFile,
    body: Upload['body'],
    signal: AbortSignal | undefined,
    { holdsData = false, isNew = false }: { readonly holdsData?: boolean; readonly isNew?: boolean },
  ): Promise<void> {
    const { rules, clock } = this.#parts;
    await putObject(this.#connection, {
      key: this.#key(file),
      body,
      sha256: file.kind === 'config' && body instanceof Uint8Array ? createHash('sha256').update(body).digest('hex') : file.name,
      parameters: uploadParameters(file, holdsData, rules, clock),
      isNew,
      call: callFor('saving', file, signal),
    });
  }

  /** The answer to an earlier attempt may have been lost: a config that is the same is this one. */
  async #saveFirstConfig(bytes: Uint8Array, signal: AbortSignal | undefined): Promise<void> {
    if (await this.#hasThisConfig(bytes, signal)) return;
    try {
      await this.#upload(configFile, bytes, signal, { isNew: true });
    } catch (error) {
      if (!(error instanceof HoldfastError)) throw error;
      if (error.context['status'] === 412) {
        if (await this.#hasThisConfig(bytes, signal)) return;
        throw existingRepositoryError(this.location);
      }
      if (error.context['status'] !== 501) throw error;
      // The server does not know the condition.
      await this.#upload(configFile, bytes, signal, {});
    }
  }

  /** @throws HoldfastError `repository-exists` for another one */
  async #hasThisConfig(bytes: Uint8Array, signal: AbortSignal | undefined): Promise<boolean> {
    const found = await this.#loadConfig(signal);
    if (found === undefined || found === 'no bucket') return false;
    if (found.equals(bytes)) return true;
    throw existingRepositoryError(this.location);
  }

  /** Undefined where there is none. A download tells more of what is wrong than a question for the size. */
  async #loadConfig(signal: AbortSignal | undefined): Promise<Buffer | 'no bucket' | undefined> {
    try {
      return await this.load(configFile, { signal, maxBytes: maxConfigBytes });
    } catch (error) {
      if (!(error instanceof HoldfastError) || error.code !== 'storage-missing') throw error;
      return error.context['s3Code'] === 'NoSuchBucket' ? 'no bucket' : undefined;
    }
  }

  async #createBucket(signal: AbortSignal | undefined): Promise<void> {
    const { rules } = this.#parts;
    const lock = rules.retention === undefined ? {} : { ObjectLockEnabledForBucket: true };
    const call = new S3Call({ what: `making the bucket ${this.#connection.bucket}`, abortSignal: signal });
    try {
      const parameters = { Bucket: this.#connection.bucket, ...lock };
      await this.#connection.ask(call, (client) => client.send(new CreateBucketCommand(parameters), call));
    } catch (error) {
      if (!(error instanceof HoldfastError) || error.context['s3Code'] !== 'BucketAlreadyOwnedByYou') throw error;
    }
  }

  async #sizeOf(file: StoredFile, signal: AbortSignal | undefined): Promise<number | undefined> {
    try {
      return (await this.stat(file, { signal })).sizeBytes;
    } catch (error) {
      if (error instanceof HoldfastError && error.code === 'storage-missing') return undefined;
      throw error;
    }
  }
}

/** Locks do not wait behind packs. */
function callFor(verb: string, file: StoredFile, abortSignal: AbortSignal | undefined): S3CallWords {
  return { what: `${verb} ${describeFile(file)}`, isUrgent: file.kind === 'lock', abortSignal };
}

function missingBucketError(location: string, bucket: string): HoldfastError {
  return new HoldfastError('repository-missing', `there is no repository at ${location}: there is no bucket ${bucket}`, {
    hint: 'Check the location, or create a repository there first, which makes the bucket.',
    context: { location },
  });
}
