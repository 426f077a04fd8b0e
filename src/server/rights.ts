/** What a client may do in its repositories. */
import type { FileKind } from '../storage/backend.ts';

export const rightsNames = ['full', 'append-only', 'write-only'] as const;
export type Rights = (typeof rightsNames)[number];

/** `create`: the folders of an empty repository. `list`: names and sizes. `stat`: whether a file is there, and its size. */
export type Action = 'create' | 'list' | 'stat' | 'load' | 'save' | 'remove';

/** What a backup needs to read: to open the repository, to know what is stored already, to see who works on it. */
const readableToWriters: ReadonlySet<FileKind> = new Set<FileKind>(['config', 'key', 'index', 'lock']);

/**
 * Nobody ever replaces a file: whoever may save may add. A lock is no backup: it may always be removed, or one that was left behind
 * would have to be removed by hand.
 */
export function isAllowed(rights: Rights, action: Action, kind: FileKind | undefined): boolean {
  if (rights === 'full') return true;
  if (action === 'remove') return kind === 'lock';
  if (rights === 'write-only' && action === 'load') return kind !== undefined && readableToWriters.has(kind);
  return true;
}

/** The sentence that the client's person reads. */
export function whyNot(rights: Rights, action: Action, kind: FileKind | undefined): string {
  if (action === 'remove') return `this client is ${rights}: it may not remove any ${kind ?? 'file'}`;
  return `this client is write-only: it may not read the content of any ${kind ?? 'file'}`;
}
