/**
 * What a request is about, from its method and address: the folders of a repository, then what of it is meant. Whatever could mean another place than it seems to is refused: no
 * part of an address that came over the network reaches the file system unless it passed here.
 */
import { isId } from '../base/ids.ts';
import type { FileKind } from '../storage/backend.ts';
import { layoutFolders } from '../storage/default-layout.ts';
import { Refusal } from './refusal.ts';
import type { Action } from './rights.ts';

export interface RequestAddress {
  /** Folders below the root; none for the repository that is the root itself. */
  readonly repository: readonly string[];
  readonly action: Action;
  /** Undefined for `create`. */
  readonly kind: FileKind | undefined;
  /** Of the file; '' for the config, a list and `create`. */
  readonly name: string;
}

/** Longer than any that a client makes: a repository's folders, `data`, and an id. */
const maxAddressLength = 2048;
/** A limit of file systems. */
const maxSegmentBytes = 255;
const maxDepth = 16;
const kindsByFolder = new Map<string, FileKind>(Object.entries(layoutFolders).map(([kind, folder]) => [folder, kind as FileKind]));
/** Names in a repository's folder that are no repositories. */
const reservedNames: ReadonlySet<string> = new Set([...kindsByFolder.keys(), 'config', 'tmp', 'trash']);

/** @throws Refusal 404 for what is no address here, 405 for a method that makes no sense there */
export function parseAddress(method: string, url: string): RequestAddress {
  if (url.length > maxAddressLength) throw new Refusal(414, 'address', 'the address is too long');
  const [path = '', query] = url.split('?', 2);
  const segments = path.split('/').slice(1);
  if (!path.startsWith('/')) throw noAddress();
  const last = decodeSegment(segments.pop() ?? '');
  const parents = segments.map(decodeSegment);
  if (last === '') return folderAddress(method, parents, query);
  return fileAddress(method, parents, last);
}

/** The path of a repository as a person writes it in a file of clients: `/alice/daily`. Undefined where it could be none. */
export function parseRepositoryPath(text: string): string[] | undefined {
  const segments = text.split('/').filter((segment) => segment !== '');
  const areFit = segments.length <= maxDepth && segments.every(isFit) && !reservedNames.has(segments.at(-1) ?? '');
  return areFit ? segments : undefined;
}

/** A folder of this name in a repository's folder belongs to the repository. */
export function isReservedName(name: string): boolean {
  return reservedNames.has(name);
}

/** A list, or the making of a repository. */
function folderAddress(method: string, folders: readonly string[], query: string | undefined): RequestAddress {
  const kind = kindsByFolder.get(folders.at(-1) ?? '');
  if (kind !== undefined) {
    if (method !== 'GET') throw wrongMethod(method);
    return { repository: asRepository(folders.slice(0, -1)), action: 'list', kind, name: '' };
  }
  const repository = asRepository(folders);
  if (method === 'POST' && query === 'create=true') return { repository, action: 'create', kind: undefined, name: '' };
  if (method === 'POST' || method === 'DELETE') throw wrongMethod(method);
  throw noAddress();
}

function fileAddress(method: string, parents: readonly string[], name: string): RequestAddress {
  const action = actions[method];
  if (name === 'config') {
    if (action === undefined) throw wrongMethod(method);
    return { repository: asRepository(parents), action, kind: 'config', name: '' };
  }
  const kind = kindsByFolder.get(parents.at(-1) ?? '');
  if (kind === undefined || !isId(name)) throw noAddress();
  if (action === undefined) throw wrongMethod(method);
  return { repository: asRepository(parents.slice(0, -1)), action, kind, name };
}

const actions: Readonly<Record<string, Action | undefined>> = { GET: 'load', HEAD: 'stat', POST: 'save', DELETE: 'remove' };

/** Above it there may be a folder of any name, as in /data/backups; the repository itself would be taken for a part of another. */
function asRepository(folders: readonly string[]): readonly string[] {
  if (folders.length > maxDepth || folders.includes('') || reservedNames.has(folders.at(-1) ?? '')) throw noAddress();
  return folders;
}

/** '' stays '': the caller knows where that makes sense. */
function decodeSegment(raw: string): string {
  if (raw === '') return '';
  let text: string;
  try {
    text = decodeURIComponent(raw);
  } catch {
    throw noAddress();
  }
  if (!isFit(text)) throw noAddress();
  return text;
}

/** Not what steers (`..`), separates (also encoded), or ends a name in some file system or program. */
function isFit(name: string): boolean {
  return name !== '.' && name !== '..' && !/[/\\\p{Cc}]/u.test(name) && name.isWellFormed() && Buffer.byteLength(name) <= maxSegmentBytes;
}

function noAddress(): Refusal {
  return new Refusal(404, 'address', 'there is nothing at this address');
}

function wrongMethod(method: string): Refusal {
  return new Refusal(405, 'method', `${method.slice(0, 16)} is not possible here`);
}
