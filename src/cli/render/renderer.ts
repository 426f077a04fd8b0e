/** The two renderers of the one event stream share this face; a command picks one by --json. */
import type { EventSink } from '../../base/events.ts';

export interface Renderer extends Disposable {
  readonly sink: EventSink;
  /** Items that failed so far. */
  readonly failureCount: number;
}
