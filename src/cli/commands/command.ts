/** What a command is, and what it gets to work with. */
import type { Clock } from '../../base/clock.ts';
import type { EventSink } from '../../base/events.ts';
import type { Environment } from '../environment.ts';
import type { GlobalValues } from '../options/global-options.ts';
import type { OptionTable, ValueOrigin, Values } from '../options/option.ts';
import type { Output } from '../output.ts';

export interface CommandContext {
  readonly globals: GlobalValues;
  readonly origins: ReadonlyMap<string, ValueOrigin>;
  readonly environment: Environment;
  readonly output: Output;
  /** Whatever the operation reports goes here, and from here to the renderer. */
  readonly events: EventSink;
  /** Takes the progress line away for good: the result follows. */
  endProgress(): void;
  readonly clock: Clock;
  readonly stdin: NodeJS.ReadStream;
  /** Fires on SIGINT and SIGTERM; every operation gets it. */
  readonly signal: AbortSignal;
}

export interface Command<T extends OptionTable = OptionTable> {
  /** What follows the command's name: `[OPTION...] [PATH...]`. */
  readonly synopsis: string;
  /** Paragraphs of the command's help. */
  readonly details: readonly string[];
  readonly examples?: readonly string[];
  readonly options: T;
  /**
   * True where the output is what the command is for: it stops when nobody reads any more.
   * A backup goes on when the reader of its report has gone.
   */
  readonly isListing?: boolean;
  /** @returns the exit code; nothing means 0 */
  run(context: CommandContext, values: Values<T>, positionals: readonly string[]): Promise<number | undefined>;
}

/** Keeps the option table's literal types, from which the types of the values follow. */
export function defineCommand<const T extends OptionTable>(command: Command<T>): Command<T> {
  return command;
}

/** A command of some table: `run` is only ever called with values that its own table made. */
export type AnyCommand = Omit<Command, 'run'> & {
  run(context: CommandContext, values: never, positionals: readonly string[]): Promise<number | undefined>;
};
