/** What `find` prints: restic's lines, or one JSON array that grows while the search goes on. */
import { type BlobId, idToBytes, shortId } from '../../base/ids.ts';
import type { TreeNode } from '../../format/node.ts';
import type { StoredSnapshot } from '../../repository/snapshots.ts';
import type { FoundObject, ObjectQuery } from '../../repository/tree/find.ts';
import { displayPath, type TreePath } from '../../repository/tree/tree-path.ts';
import { dataBlob, type IndexTable, treeBlob } from '../../workers/index-table.ts';
import type { Output } from '../output.ts';
import { printableName } from './format.ts';
import { jsonText } from './json-text.ts';
import { foundNode } from './node-json.ts';
import { nodeLine } from './node-line.ts';
import { snapshotTime } from './snapshot-text.ts';

export interface FoundOptions {
  readonly isLong: boolean;
  readonly isHumanReadable: boolean;
  readonly isForObjects: boolean;
}

export class FoundPrinter {
  readonly #output: Output;
  readonly #options: FoundOptions;
  readonly #objectIds = new Map<BlobId, 'blob' | 'tree'>();
  #snapshot: StoredSnapshot | undefined;
  #hits = 0;
  /** The array has begun: what comes next decides how the last group ends. */
  #isOpen = false;

  constructor(output: Output, options: FoundOptions) {
    this.#output = output;
    this.#options = options;
  }

  entry(snapshot: StoredSnapshot, path: TreePath, node: TreeNode): void {
    if (this.#output.isJson) this.#entryJson(snapshot, path, node);
    else this.#entryLine(snapshot, path, node);
  }

  object(snapshot: StoredSnapshot, found: FoundObject): void {
    this.#objectIds.set(found.id, found.kind);
    if (this.#output.isJson) this.#objectPiece(jsonText(objectJson(snapshot, found)));
    else for (const line of objectLines(snapshot, found)) this.#output.line(line);
  }

  finish(): void {
    if (!this.#output.isJson) return;
    if (!this.#isOpen) this.#output.line('[]');
    else this.#output.line(this.#options.isForObjects ? ']' : `${this.#endOfGroup()}]`);
  }

  /** In which packs the objects lie that were found. */
  packs(index: IndexTable, query: ObjectQuery): void {
    if (this.#output.isJson) return;
    for (const [id, kind] of this.#objectIds) {
      const entries = index.findAll(idToBytes(id), kind === 'tree' ? treeBlob : dataBlob).filter((entry) => index.packOf(entry) >= 0);
      for (const entry of entries)
        this.#output.line(
          `${kind} ${id} is in pack ${index.packIdHex(index.packOf(entry))}, ${index.lengthOf(entry)} bytes at ${index.offsetOf(entry)}`,
        );
    }
    if (this.#objectIds.size === 0) this.#output.line(`nothing was found of ${[...query.blobs, ...query.trees].join(', ')}`);
  }

  #entryLine(snapshot: StoredSnapshot, path: TreePath, node: TreeNode): void {
    if (this.#snapshot !== snapshot) {
      if (this.#snapshot !== undefined) this.#output.say('');
      this.#output.say(`Found matching entries in snapshot ${shortId(snapshot.id)} from ${snapshotTime(snapshot)}`);
      this.#snapshot = snapshot;
    }
    this.#output.line(nodeLine(path, node, { ...this.#options, isTerminal: this.#output.isTerminal }));
  }

  #entryJson(snapshot: StoredSnapshot, path: TreePath, node: TreeNode): void {
    const text = jsonText(foundNode(path, node));
    if (this.#snapshot === snapshot) this.#output.piece(`,${text}`);
    else this.#output.piece(`${this.#isOpen ? `${this.#endOfGroup()},` : '['}{"matches":[${text}`);
    if (this.#snapshot !== snapshot) this.#hits = 0;
    this.#isOpen = true;
    this.#snapshot = snapshot;
    this.#hits += 1;
  }

  #endOfGroup(): string {
    return `],"hits":${this.#hits},"snapshot":"${this.#snapshot?.id ?? ''}"}`;
  }

  #objectPiece(text: string): void {
    this.#output.piece(`${this.#isOpen ? ',' : '['}${text}`);
    this.#isOpen = true;
  }
}

function objectJson(snapshot: StoredSnapshot, { kind, id, path, parentTree }: FoundObject): object {
  return {
    object_type: kind,
    id,
    path: displayPath(path),
    ...(parentTree === undefined ? {} : { parent_tree: parentTree }),
    snapshot: snapshot.id,
    time: snapshot.time,
  };
}

function objectLines(snapshot: StoredSnapshot, { kind, id, path, parentTree }: FoundObject): string[] {
  const name = printableName(displayPath(path));
  const place = kind === 'blob' ? [` ... in file ${name}`, `     (tree ${parentTree ?? ''})`] : [` ... path ${name}`];
  return [`Found ${kind} ${id}`, ...place, ` ... in snapshot ${shortId(snapshot.id)} (${snapshotTime(snapshot)})`];
}
