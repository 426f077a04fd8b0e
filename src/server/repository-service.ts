/**
 * Answers requests of restic's REST protocol (versions 1 and 2) from repositories in folders.
 *
 * Each request passes the same gates in the same order: an address that can be one, a known client, a repository of that client, the
 * right to do it. Nothing of the disk is looked at before all four are passed, so that an answer tells strangers nothing.
 */
import { access, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { asHoldfastError, type HoldfastError } from '../base/errors.ts';
import { type Backend, configFile, type FileKind, type StoredFile } from '../storage/backend.ts';
import { layoutFolders, pathSegments } from '../storage/default-layout.ts';
import { askRoomHeader, askRoomValue, roomHeaders } from '../storage/room-headers.ts';
import type { Authentication } from './authentication.ts';
import { type Client, owns } from './client.ts';
import { answerRefusal, answerText, type Exchange, promisedLength } from './exchange.ts';
import { receiveConfig, receiveFile } from './receive-upload.ts';
import { Refusal } from './refusal.ts';
import { parseAddress, type RequestAddress } from './request-address.ts';
import { isAllowed, whyNot } from './rights.ts';
import { isNotThere, missing, sendFile } from './send-file.ts';
import { sendList } from './send-list.ts';
import { moveToTrash } from './trash.ts';
import { ClientUsage } from './usage.ts';

export interface ServiceOptions {
  /** The folder with the repositories. */
  readonly root: string;
  /** The repository in a folder. It has the capability `localFiles`. */
  readonly openFolder: (folder: string) => Backend;
  readonly authentication: Authentication;
  readonly clock: Clock;
  /** So much of the disk stays free. */
  readonly keepFreeBytes: number;
}

/** What became of a request, for the access log and the counters. */
export interface Outcome {
  readonly client?: Client;
  readonly address?: RequestAddress;
  readonly refusal?: Refusal;
  /** For whoever runs the server: what the client was not told. */
  readonly failure?: HoldfastError;
}

/** Beyond what any client makes: restic's packs have 128 MiB at most. Without an end, one file could take the disk. */
const maxBytes: Readonly<Record<FileKind, number>> = {
  config: 64 << 10,
  key: 1 << 20,
  lock: 64 << 10,
  snapshot: 256 << 20,
  index: 2 ** 30,
  pack: 2 ** 30,
};
const nsPerS = 1_000_000_000n;

export class RepositoryService {
  readonly #options: ServiceOptions;
  /** By folder; of repositories that are there, so that no client can make it grow without end. */
  readonly #backends = new Map<string, Backend>();
  /** By name: it lives on when the file of clients is read again. */
  readonly #usages = new Map<string, { readonly client: Client; readonly usage: ClientUsage }>();
  #isStopping = false;

  constructor(options: ServiceOptions) {
    this.#options = options;
  }

  /** Answers, whatever happens. */
  async handle(exchange: Exchange): Promise<Outcome> {
    const outcome: { -readonly [K in keyof Outcome]: Outcome[K] } = {};
    try {
      if (this.#isStopping) throw new Refusal(503, 'stopping', 'the server is about to end', 5);
      const address = parseAddress(exchange.request.method ?? '', exchange.request.url ?? '');
      outcome.address = address;
      const client = await this.#options.authentication.identify(exchange);
      outcome.client = client;
      assertAllowed(client, address);
      await this.#act(exchange, client, address);
    } catch (error) {
      if (hasGone(exchange)) return outcome;
      const refusal = error instanceof Refusal ? error : refusalOf(error);
      outcome.refusal = refusal;
      if (refusal.kind === 'failure') outcome.failure = asHoldfastError(error);
      if (exchange.response.headersSent) exchange.response.destroy();
      else answerRefusal(exchange, refusal);
    }
    return outcome;
  }

  /** From now on every request is refused; those under way go on. */
  refuseAll(): void {
    this.#isStopping = true;
  }

  /** What the clients take, of those of whom it is known because they have a quota. */
  usages(): { readonly client: Client; readonly usage: ClientUsage }[] {
    return [...this.#usages.values()];
  }

  async close(): Promise<void> {
    for (const backend of this.#backends.values()) await backend.close();
    this.#backends.clear();
  }

  async #act(exchange: Exchange, client: Client, address: RequestAddress): Promise<void> {
    const { action, kind, name, repository } = address;
    const folder = join(this.#options.root, ...repository);
    if (kind === undefined) return await this.#create(exchange, folder);
    const file: StoredFile = { kind, name };
    if (action === 'list' && kind !== 'config') return await list(exchange, folder, kind);
    if (action === 'save') return await this.#save(exchange, client, folder, file);
    if (action === 'remove') return await this.#remove(exchange, client, folder, file);
    if (kind === 'config' && exchange.request.headers[askRoomHeader] === askRoomValue) await this.#tellRoom(exchange, client);
    await sendFile(exchange, join(folder, ...pathSegments(file)));
  }

  async #create(exchange: Exchange, folder: string): Promise<void> {
    await using backend = this.#options.openFolder(folder);
    await backend.create();
    answerText(exchange, 200);
  }

  async #save(exchange: Exchange, client: Client, folder: string, file: StoredFile): Promise<void> {
    const lengthBytes = promisedLength(exchange.request);
    if (lengthBytes > maxBytes[file.kind]) {
      throw new Refusal(413, 'length', `a file of the kind ${file.kind} may have ${maxBytes[file.kind]} bytes`);
    }
    await assertIsRepository(folder, file.kind);
    await this.#assertDiskRoom(lengthBytes);
    const release = await this.#usageOf(client).reserve(lengthBytes, file.kind === 'lock');
    let stored: number | undefined;
    try {
      if (exchange.awaitsContinue) exchange.response.writeContinue();
      const receive = file.kind === 'config' ? receiveConfig : receiveFile;
      stored = await receive(this.#backendOf(folder), file, exchange, lengthBytes);
    } finally {
      release(stored);
    }
    answerText(exchange, 200);
  }

  async #remove(exchange: Exchange, client: Client, folder: string, file: StoredFile): Promise<void> {
    await assertIsRepository(folder, file.kind);
    const backend = this.#backendOf(folder);
    const { sizeBytes } = await backend.stat(file);
    if (client.deletionDelayMs > 0 && file.kind !== 'lock') {
      const nowS = Number(this.#options.clock.nowNs() / nsPerS);
      await moveToTrash(folder, file, nowS, nowS + Math.ceil(client.deletionDelayMs / 1000));
    } else {
      await backend.remove(file);
      this.#usageOf(client).note(-sizeBytes, -1);
    }
    answerText(exchange, 200);
  }

  #backendOf(folder: string): Backend {
    const known = this.#backends.get(folder);
    if (known !== undefined) return known;
    const backend = this.#options.openFolder(folder);
    this.#backends.set(folder, backend);
    return backend;
  }

  #usageOf(client: Client): ClientUsage {
    const known = this.#usages.get(client.name);
    if (known !== undefined && known.client === client) return known.usage;
    const usage = new ClientUsage(this.#options.root, client, this.#options.clock);
    this.#usages.set(client.name, { client, usage });
    return usage;
  }

  async #tellRoom({ response }: Exchange, client: Client): Promise<void> {
    const { root, keepFreeBytes } = this.#options;
    const { bavail, bsize } = await statfs(root);
    const quota = await this.#usageOf(client).bytesOfQuota();
    const onDisk = Math.max(0, bavail * bsize - keepFreeBytes);
    const free = quota === undefined ? onDisk : Math.max(0, Math.min(onDisk, quota.quotaBytes - quota.usedBytes));
    response.setHeader(roomHeaders.freeBytes, free);
    if (quota === undefined) return;
    response.setHeader(roomHeaders.usedBytes, quota.usedBytes);
    response.setHeader(roomHeaders.quotaBytes, quota.quotaBytes);
  }

  async #assertDiskRoom(lengthBytes: number): Promise<void> {
    const { root, keepFreeBytes } = this.#options;
    const { bavail, bsize } = await statfs(root);
    if (bavail * bsize - lengthBytes >= keepFreeBytes) return;
    throw new Refusal(507, 'disk', 'the disk of the server has no room for it; whoever runs the server can make some');
  }
}

/** Whatever failed then failed because the client is not there any more. */
function hasGone({ request, response }: Exchange): boolean {
  const isGone = response.destroyed || (request.destroyed && !request.readableEnded);
  if (isGone) response.destroy();
  return isGone;
}

function assertAllowed(client: Client, { repository, action, kind }: RequestAddress): void {
  if (!owns(client, repository)) throw new Refusal(403, 'foreign', `this repository is none of ${client.name}`);
  if (!isAllowed(client.rights, action, kind)) throw new Refusal(403, 'rights', whyNot(client.rights, action, kind));
}

async function list(exchange: Exchange, folder: string, kind: Exclude<FileKind, 'config'>): Promise<void> {
  await assertIsRepository(folder, kind);
  await sendList(exchange, folder, kind);
}

/** Its config, or, while it is being made, its folders. */
async function assertIsRepository(folder: string, kind: FileKind): Promise<void> {
  const isThere = async (...segments: string[]): Promise<boolean> =>
    await access(join(folder, ...segments)).then(
      () => true,
      () => false,
    );
  if (await isThere(...pathSegments(configFile))) return;
  if (await isThere(layoutFolders[kind === 'config' ? 'key' : kind])) return;
  throw new Refusal(404, 'missing', 'there is no repository at this address');
}

/** What a failure of the storage means to the client. Its message may name folders of the server: those are not told. */
function refusalOf(error: unknown): Refusal {
  if (isNotThere(error) || (error as NodeJS.ErrnoException).code === 'ENOTDIR') return missing();
  const { code } = asHoldfastError(error);
  if (code === 'storage-missing' || code === 'repository-missing') return missing();
  if (code === 'repository-exists') return new Refusal(403, 'exists', 'there is a repository at this address already');
  if (code === 'storage-full') return new Refusal(507, 'disk', 'the disk of the server is full');
  return new Refusal(500, 'failure', 'the storage of the server failed; its log says how');
}
