/** Events for people: problems as they happen, one progress line, every item only when asked for. */
import type { Clock } from '../../base/clock.ts';
import type { FailureEvent, HoldfastEvent, ItemEvent, ProgressEvent } from '../../base/events.ts';
import type { Environment } from '../environment.ts';
import type { Output } from '../output.ts';
import { formatBytes, printableName } from './format.ts';
import { requestedIntervalMs } from './pace.ts';
import { ProgressLine } from './progress-line.ts';
import type { Renderer } from './renderer.ts';
import { Ticker } from './ticker.ts';

// Whatever ends sooner needs no progress line.
const delayMs = 2000;
const terminalIntervalMs = 100;
// In a log file: often enough to see that it is alive, rare enough to be read.
const logIntervalMs = 10_000;

export class HumanRenderer implements Renderer {
  readonly #output: Output;
  readonly #ticker: Ticker | undefined;
  readonly #line = new ProgressLine();
  readonly #hintsGiven = new Set<string>();
  #failureCount = 0;

  constructor(output: Output, clock: Clock, environment: Environment) {
    this.#output = output;
    const intervalMs = this.#chooseInterval(requestedIntervalMs(environment));
    if (intervalMs === undefined) return;
    const show = (event: ProgressEvent, elapsedMs: number) => this.#showProgress(this.#line.render(event, elapsedMs));
    this.#ticker = new Ticker({ clock, intervalMs, delayMs, show });
  }

  get failureCount(): number {
    return this.#failureCount;
  }

  readonly sink = (event: HoldfastEvent): void => {
    if (event.kind === 'progress') this.#ticker?.update(event);
    else if (event.kind === 'item') this.#showItem(event);
    else if (event.kind === 'failure') this.#showFailure(event);
    else this.#output.complain(`${this.#output.mark('yellow', 'warning:')} ${event.message}`);
  };

  [Symbol.dispose](): void {
    this.#ticker?.[Symbol.dispose]();
    this.#output.setStatus('');
  }

  /** A request by PROGRESS_FPS beats --quiet and a missing terminal. Undefined: no progress. */
  #chooseInterval(requestedMs: number | undefined): number | undefined {
    if (requestedMs !== undefined) return requestedMs;
    if (this.#output.verbosity === 0) return undefined;
    if (this.#output.canShowStatus) return terminalIntervalMs;
    return this.#output.verbosity >= 2 ? logIntervalMs : undefined;
  }

  #showProgress(line: string): void {
    if (this.#output.canShowStatus) this.#output.setStatus(line);
    else this.#output.complain(line);
  }

  #showItem(event: ItemEvent): void {
    if (this.#output.verbosity < 3) return;
    const added = event.addedBytes === undefined || event.addedBytes === 0 ? '' : `, ${formatBytes(event.addedBytes)} added`;
    this.#output.line(`${event.action.padEnd(9)} ${printableName(event.path)} (${formatBytes(event.sizeBytes)}${added})`);
  }

  #showFailure({ path, error }: FailureEvent): void {
    this.#failureCount += 1;
    const where = path === undefined || error.message.includes(path) ? '' : `${printableName(path)}: `;
    this.#output.complain(`${this.#output.mark('red', 'error:')} ${where}${error.message}`);
    // The same advice a thousand times would bury the errors.
    if (error.hint === undefined || this.#hintsGiven.has(error.hint)) return;
    this.#hintsGiven.add(error.hint);
    this.#output.complain(`${this.#output.mark('yellow', 'hint:')} ${error.hint}`);
  }
}
