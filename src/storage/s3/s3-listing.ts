/** The files of one kind, page by page. */
import { ListObjectsCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import { HoldfastError } from '../../base/errors.ts';
import { isId } from '../../base/ids.ts';
import type { FileKind, ListedFile } from '../backend.ts';
import { layoutFolders, pathSegments } from '../default-layout.ts';
import type { S3Connection } from './s3-connection.ts';
import { S3Call } from './sdk-http-handler.ts';

export interface ListRequest {
  readonly kind: Exclude<FileKind, 'config'>;
  /** Of all files of the repository: empty, or with a slash at its end. */
  readonly prefix: string;
  /** By the older interface, for servers that know no other. */
  readonly isFirstVersion: boolean;
  readonly signal?: AbortSignal | undefined;
}

interface Page {
  readonly objects: readonly { readonly Key?: string | undefined; readonly Size?: number | undefined }[];
  /** Where the next page begins; undefined after the last. */
  readonly next: string | undefined;
}

/** What is no file of the repository is skipped, also in folders of folders. */
export async function* listObjects(connection: S3Connection, request: ListRequest): AsyncGenerator<ListedFile> {
  const { kind, prefix } = request;
  let from: string | undefined;
  do {
    const page = await loadPage(connection, request, from);
    if (page.next !== undefined && page.next === from) throw endlessList(kind);
    from = page.next;
    for (const { Key: key, Size: sizeBytes } of page.objects) {
      const name = key?.slice(key.lastIndexOf('/') + 1);
      if (name === undefined || sizeBytes === undefined || !isId(name)) continue;
      if (key === prefix + pathSegments({ kind, name }).join('/')) yield { name, sizeBytes };
    }
  } while (from !== undefined);
}

async function loadPage(connection: S3Connection, request: ListRequest, from: string | undefined): Promise<Page> {
  const { kind, prefix, isFirstVersion, signal } = request;
  const call = new S3Call({ what: `listing files of the kind ${kind}`, isUrgent: kind === 'lock', abortSignal: signal });
  const place = { Bucket: connection.bucket, Prefix: `${prefix}${layoutFolders[kind]}/` };
  return await (isFirstVersion ? firstVersionPage(connection, call, place, from) : page(connection, call, place, from));
}

type Place = { readonly Bucket: string; readonly Prefix: string };

async function page(connection: S3Connection, call: S3Call, place: Place, from: string | undefined): Promise<Page> {
  const found = await connection.ask(call, (client) =>
    client.send(new ListObjectsV2Command({ ...place, ...(from === undefined ? {} : { ContinuationToken: from }) }), call),
  );
  const { Contents: objects = [], IsTruncated: isCut, NextContinuationToken: next } = wholeAnswer(found);
  if (isCut === true && next === undefined) throw endlessList('all');
  return { objects, next: isCut === true ? next : undefined };
}

/** Without folders, the next page begins behind the last name of this one. */
async function firstVersionPage(connection: S3Connection, call: S3Call, place: Place, from: string | undefined): Promise<Page> {
  const found = await connection.ask(call, (client) =>
    client.send(new ListObjectsCommand({ ...place, ...(from === undefined ? {} : { Marker: from }) }), call),
  );
  const { Contents: objects = [], IsTruncated: isCut } = wholeAnswer(found);
  return { objects, next: isCut === true ? (found.NextMarker ?? objects.at(-1)?.Key) : undefined };
}

/** An empty answer, or one about something else, is no empty list. */
function wholeAnswer<T extends { readonly Name?: string | undefined; readonly IsTruncated?: boolean | undefined }>(found: T): T {
  if (found.Name !== undefined || found.IsTruncated !== undefined) return found;
  throw new HoldfastError('storage-failed', 'the list of files that the server sent is empty or broken', { isRetryable: true });
}

function endlessList(kind: string): HoldfastError {
  return new HoldfastError('storage-failed', `the list of files of the kind ${kind} that the server sent does not go on where it ended`, {
    hint: 'Try -o s3.list-objects-v1=true: the server may know the older way of listing only.',
  });
}
