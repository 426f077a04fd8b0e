/**
 * The list of a kind of files as an answer: names with sizes (version 2 of the protocol), or names alone (version 1). It is written as
 * the folder is read, and waits while the client does not read: a list of millions takes no more memory than a short one.
 */
import { opendir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isId } from '../base/ids.ts';
import type { FileKind } from '../storage/backend.ts';
import { layoutFolders, packFolders } from '../storage/default-layout.ts';
import type { Exchange } from './exchange.ts';
import { isNotThere } from './send-file.ts';

const version1 = 'application/vnd.x.restic.rest.v1';
const version2 = 'application/vnd.x.restic.rest.v2';
/** Names of which the sizes are asked for, and that are written, at once. */
const batchFiles = 64;

export async function sendList(exchange: Exchange, repositoryFolder: string, kind: Exclude<FileKind, 'config'>): Promise<void> {
  const { request, response } = exchange;
  const hasSizes = request.headers.accept?.includes(version2) === true;
  response.setHeader('Content-Type', hasSizes ? version2 : version1);
  using _watch = exchange.watchTransfer();
  let separator = '[';
  for await (const names of batchesOf(join(repositoryFolder, layoutFolders[kind]), kind)) {
    const entries = hasSizes ? await withSizes(names) : names.map(({ name }) => `"${name}"`);
    if (entries.length === 0) continue;
    await write(exchange, separator + entries.join(','));
    separator = ',';
  }
  response.end(separator === '[' ? '[]' : ']');
}

interface Found {
  readonly folder: string;
  readonly name: string;
}

async function* batchesOf(folder: string, kind: FileKind): AsyncGenerator<Found[]> {
  if (kind !== 'pack') yield* batchesIn(folder, '');
  else for (const prefix of packFolders()) yield* batchesIn(join(folder, prefix), prefix);
}

/** A folder that is not there is an empty one. What is no file of a repository is passed over: leftovers of other programs. */
async function* batchesIn(folder: string, prefix: string): AsyncGenerator<Found[]> {
  let batch: Found[] = [];
  try {
    for await (const entry of await opendir(folder, { bufferSize: batchFiles })) {
      if (!entry.isFile() || !isId(entry.name) || !entry.name.startsWith(prefix)) continue;
      batch.push({ folder, name: entry.name });
      if (batch.length < batchFiles) continue;
      yield batch;
      batch = [];
    }
  } catch (error) {
    if (!isNotThere(error)) throw error;
  }
  if (batch.length > 0) yield batch;
}

/** Without those that were removed meanwhile. */
async function withSizes(batch: readonly Found[]): Promise<string[]> {
  const texts = await Promise.all(
    batch.map(async ({ folder, name }) => {
      try {
        return `{"name":"${name}","size":${(await stat(join(folder, name))).size}}`;
      } catch (error) {
        if (isNotThere(error)) return undefined;
        throw error;
      }
    }),
  );
  return texts.filter((text) => text !== undefined);
}

/** Resolves when there is room for more. @throws Error when the client has gone */
async function write({ response, transferred }: Exchange, text: string): Promise<void> {
  transferred.sent += text.length;
  if (response.destroyed) throw new Error('the client has gone');
  if (response.write(text)) return;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const onClose = (): void => reject(new Error('the client has gone'));
  response.once('drain', resolve);
  response.once('close', onClose);
  try {
    await promise;
  } finally {
    response.off('drain', resolve);
    response.off('close', onClose);
  }
}
