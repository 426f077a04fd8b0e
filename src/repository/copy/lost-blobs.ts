/** Blobs of the source that could not be read, with the reasons. */
import type { ErrorRecord } from '../../base/errors.ts';
import type { EventSink } from '../../base/events.ts';
import type { BlobId } from '../../base/ids.ts';

/** Reasons that are kept and told of. A source whose disk is gone loses every blob, and one sentence about it is enough. */
const maxReasons = 1000;

export class LostBlobs {
  readonly #events: EventSink;
  readonly #reasons = new Map<BlobId, string>();
  #count = 0;

  constructor(events: EventSink) {
    this.#events = events;
  }

  get count(): number {
    return this.#count;
  }

  add(id: BlobId, { code, message, context, hint }: ErrorRecord): void {
    this.#count++;
    if (this.#count > maxReasons) return;
    const reason = message.includes(id) ? message : `blob ${id} cannot be read: ${message}`;
    this.#reasons.set(id, reason);
    const record = { code, message: reason, context: { ...context, blob: id }, ...(hint === undefined ? {} : { hint }) };
    this.#events({ kind: 'failure', operation: 'copy', error: record });
    if (this.#count === maxReasons) this.#events({ kind: 'warning', message: 'further blobs that cannot be read are not listed' });
  }

  reasonOf(id: BlobId): string | undefined {
    return this.#reasons.get(id) ?? (this.#count > maxReasons ? `blob ${id} could not be read` : undefined);
  }
}
