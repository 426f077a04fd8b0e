/** Answers the requests of a restore's main thread. */
import { ContentWriting } from './content-writing.ts';
import { FileCompare } from './file-compare.ts';
import { FilePreparation } from './file-preparation.ts';
import { FileWriter } from './file-writer.ts';
import { finishFolders } from './folder-finishing.ts';
import { makeLinks } from './hard-links.ts';
import type { BeginRequest, IndexFileRequest, RestoreRequest, RestoreResponse } from './messages.ts';
import { TreeWalk } from './tree-walk.ts';
import { UnexpectedEntries } from './unexpected-entries.ts';
import type { WorkerContext } from './worker-context.ts';

const done: RestoreResponse = { kind: 'done' };

export class RestoreWork {
  readonly #context: WorkerContext;
  readonly #walk: TreeWalk;
  readonly #compare: FileCompare;
  readonly #preparation: FilePreparation;
  readonly #content: ContentWriting;
  readonly #unexpected: UnexpectedEntries;

  constructor(context: WorkerContext) {
    const writer = new FileWriter(context);
    this.#context = context;
    this.#walk = new TreeWalk(context, writer);
    this.#compare = new FileCompare(context);
    this.#preparation = new FilePreparation(context, writer);
    this.#content = new ContentWriting(context, writer);
    this.#unexpected = new UnexpectedEntries(context);
  }

  handle(request: Exclude<RestoreRequest, BeginRequest | IndexFileRequest>): RestoreResponse {
    switch (request.kind) {
      case 'walk':
        return this.#walk.walk(request.trees);
      case 'compare':
      case 'verify':
        return this.#compare.compare(request);
      case 'prepare':
        this.#preparation.prepare(request.files);
        return done;
      case 'content':
        return this.#content.write(request);
      case 'link':
        makeLinks(this.#context, request.pairs);
        return done;
      case 'remove':
        return this.#unexpected.remove(request.trees);
      case 'finish':
        finishFolders(this.#context, request.directories);
        return done;
      case 'close':
        this.#context.close();
        return done;
    }
  }
}
