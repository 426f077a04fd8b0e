/**
 * A repository behind a server of restic's REST protocol, versions 1 and 2
 * (https://restic.readthedocs.io/en/stable/100_references.html#rest-backend).
 *
 * Such a server answers an upload when the file is whole and durable, and refuses one whose content does not have the SHA-256 that is its
 * name. It refuses to store a file again, which here succeeds when the one that is there has the same size: then it is the same,
 * and perhaps the answer to an earlier attempt was lost.
 */
import { stat, unlink } from 'node:fs/promises';
import { asHoldfastError, HoldfastError } from '../../base/errors.ts';
import {
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
import { lengthOf } from '../byte-range.ts';
import { layoutFolders, pathSegments } from '../default-layout.ts';
import type { StagingArea } from '../staging-area.ts';
import { throwIfCancelled } from '../../base/cancellation.ts';
import { statusError } from './http-errors.ts';
import { RestInspection } from './rest-inspection.ts';
import { FoundFiles, readListing } from './rest-listing.ts';
import { loadSpan } from './rest-loading.ts';
import { protocolVersion2, type RestAnswer, type RestRequest, type RestTransport, type StagedBody } from './rest-transport.ts';
import { discard } from './response-body.ts';

const stagingMode = 0o700;
/** Sizes that are asked for at once, of a server that does not tell them with the names. */
const sizesAtOnce = 8;

export interface RestBackendParts {
  readonly client: RestTransport;
  /** For people. */
  readonly location: string;
  readonly staging: StagingArea;
}

export class RestBackend implements Backend {
  readonly location: string;
  readonly capabilities: BackendCapabilities = { localFiles: false, atomicCreate: true, isReadOnly: false };
  readonly inspection: RestInspection;
  readonly #client: RestTransport;
  readonly #staging: StagingArea;

  constructor({ client, location, staging }: RestBackendParts) {
    this.#client = client;
    this.inspection = new RestInspection(client);
    this.location = location;
    this.#staging = staging;
  }

  async create({ signal }: CallOptions = {}): Promise<void> {
    if (await this.exists(configFile, { signal })) throw existingRepositoryError(this.location);
    const request = { method: 'POST', path: '?create=true', what: 'creating the repository', signal } as const;
    await this.#expectSuccess(request, await this.#client.ask(request));
  }

  async open({ signal }: CallOptions = {}): Promise<void> {
    if (!(await this.exists(configFile, { signal }))) throw missingRepositoryError(this.location);
  }

  async save(file: StoredFile, bytes: Uint8Array, { signal, replacesConfig = false }: SaveOptions = {}): Promise<void> {
    // Nobody but the server could do that in one step. Whoever replaces a config keeps a copy of the old one until the new one is there.
    if (file.kind === 'config' && replacesConfig) await this.remove(file, { signal });
    await this.#upload(file, bytes, signal, () => this.#isSame(file, bytes, signal));
  }

  async adopt(file: StoredFile, stagedPath: string, { signal }: CallOptions = {}): Promise<void> {
    throwIfCancelled(signal);
    try {
      const body: StagedBody = { path: stagedPath, sizeBytes: (await stat(stagedPath)).size };
      await this.#upload(file, body, signal, () => this.#hasSize(file, body.sizeBytes, signal));
      await unlink(stagedPath);
    } catch (error) {
      throw asHoldfastError(error);
    }
  }

  async load(file: StoredFile, options: LoadOptions = {}): Promise<Buffer> {
    return await loadSpan(this.#client, this.location, this.#request('GET', file, 'loading', options.signal), file, options);
  }

  async stat(file: StoredFile, { signal }: CallOptions = {}): Promise<{ sizeBytes: number }> {
    const request = this.#request('HEAD', file, 'looking for', signal);
    const response = await this.#client.ask(request);
    if (response.statusCode === 404) {
      await discard(response);
      throw missingFileError(file, this.location);
    }
    await this.#expectSuccess(request, response);
    return { sizeBytes: lengthOf(response, request.what) };
  }

  async exists(file: StoredFile, options: CallOptions = {}): Promise<boolean> {
    return (await this.#sizeOf(file, options.signal)) !== undefined;
  }

  async *list(kind: FileKind, options: ListOptions = {}): AsyncGenerator<ListedFile> {
    if (kind === 'config') {
      const sizeBytes = await this.#sizeOf(configFile, options.signal);
      if (sizeBytes !== undefined) yield { name: '', sizeBytes };
      return;
    }
    const found = await this.#list(kind, layoutFolders[kind], options.signal);
    for (let row = 0; row < found.count; row += sizesAtOnce) {
      throwIfCancelled(options.signal);
      const files = Array.from({ length: Math.min(sizesAtOnce, found.count - row) }, (_, n) => found.at(row + n));
      for (const file of await Promise.all(files.map((listed) => this.#withSize(kind, listed, options)))) {
        if (file !== undefined) yield file;
      }
    }
  }

  async remove(file: StoredFile, { signal }: CallOptions = {}): Promise<void> {
    const request = this.#request('DELETE', file, 'removing', signal);
    const response = await this.#client.ask(request);
    if (response.statusCode === 404) await discard(response);
    else await this.#expectSuccess(request, response);
  }

  pathOf(file: StoredFile): undefined {
    pathSegments(file);
  }

  async stagingFolder({ signal }: CallOptions = {}): Promise<string> {
    throwIfCancelled(signal);
    try {
      return await this.#staging.folder(stagingMode);
    } catch (error) {
      throw asHoldfastError(error);
    }
  }

  async close(): Promise<void> {
    await this.#client.close();
    await this.#staging.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** @param isThere asked when the server refuses: whether it has this very file already */
  async #upload(
    file: StoredFile,
    body: Uint8Array | StagedBody,
    signal: AbortSignal | undefined,
    isThere: () => Promise<boolean | 'another'>,
  ): Promise<void> {
    const request = { ...this.#request('POST', file, 'saving', signal), body };
    const response = await this.#client.ask(request);
    if (response.statusCode !== 403) return await this.#expectSuccess(request, response);
    const said = await this.#discard(request, response);
    const found = await isThere();
    if (found === true) return;
    if (found === false) throw statusError(request.what, this.location, 403, response.headers, said);
    if (file.kind === 'config') throw existingRepositoryError(this.location);
    throw new HoldfastError('damaged', `${describeFile(file)} is in ${this.location} already, with other content than belongs there`, {
      hint: 'Have that file removed from the server, after a check of the repository.',
      context: { kind: file.kind, name: file.name },
    });
  }

  async #hasSize(file: StoredFile, sizeBytes: number, signal: AbortSignal | undefined): Promise<boolean | 'another'> {
    const found = await this.#sizeOf(file, signal);
    if (found === undefined) return false;
    return found === sizeBytes || 'another';
  }

  /** The name of a config says nothing of its content; it is short, and compared. */
  async #isSame(file: StoredFile, bytes: Uint8Array, signal: AbortSignal | undefined): Promise<boolean | 'another'> {
    const hasSize = await this.#hasSize(file, bytes.length, signal);
    if (hasSize !== true || file.kind !== 'config') return hasSize;
    return (await this.load(file, { signal, maxBytes: bytes.length })).equals(bytes) || 'another';
  }

  async #sizeOf(file: StoredFile, signal: AbortSignal | undefined): Promise<number | undefined> {
    try {
      return (await this.stat(file, { signal })).sizeBytes;
    } catch (error) {
      if (error instanceof HoldfastError && error.code === 'storage-missing') return undefined;
      throw error;
    }
  }

  async #list(kind: FileKind, folder: string, signal: AbortSignal | undefined): Promise<FoundFiles> {
    const request = {
      method: 'GET',
      path: `${folder}/`,
      what: `listing files of the kind ${kind}`,
      isUrgent: kind === 'lock',
      signal,
    } as const;
    const response = await this.#client.ask(request);
    const isRclone = String(response.headers['server']).startsWith('rclone/');
    // As restic: a folder that is not there is an empty one, but rclone says so of its own failures, too.
    if (response.statusCode === 404 && !isRclone) {
      await this.#discard(request, response);
      return new FoundFiles();
    }
    if (response.statusCode !== 200) await this.#expectSuccess(request, response);
    const hasSizes = response.headers['content-type']?.startsWith(protocolVersion2) === true;
    try {
      return await readListing(kind, response, hasSizes);
    } catch (error) {
      response.destroy();
      throw this.#client.inWords(request, error);
    }
  }

  /** Undefined for a file that has gone meanwhile. */
  async #withSize(kind: FileKind, file: ListedFile, { signal, namesOnly }: ListOptions): Promise<ListedFile | undefined> {
    if (file.sizeBytes >= 0) return file;
    if (namesOnly === true) return { ...file, sizeBytes: 0 };
    const sizeBytes = await this.#sizeOf({ kind, name: file.name }, signal);
    return sizeBytes === undefined ? undefined : { name: file.name, sizeBytes };
  }

  /** In the layout of this protocol, packs stand in one folder. */
  #request(method: RestRequest['method'], file: StoredFile, verb: string, signal: AbortSignal | undefined): RestRequest {
    const segments = pathSegments(file);
    const path = file.kind === 'pack' ? `${layoutFolders.pack}/${file.name}` : segments.join('/');
    return { method, path, what: `${verb} ${describeFile(file)}`, isUrgent: file.kind === 'lock', signal };
  }

  async #expectSuccess(request: RestRequest, response: RestAnswer): Promise<void> {
    const said = await this.#discard(request, response);
    const status = response.statusCode ?? 0;
    if (status !== 200) throw statusError(request.what, this.location, status, response.headers, said);
  }

  async #discard(request: RestRequest, response: RestAnswer): Promise<string> {
    try {
      return await discard(response);
    } catch (error) {
      // The status said it all; only a success that breaks off is none.
      if (response.statusCode === 200 || request.signal?.aborted === true) throw this.#client.inWords(request, error);
      return '';
    }
  }
}
