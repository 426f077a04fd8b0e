/** How a command's failure is told, and which exit code it gets. */
import { asHoldfastError, type HoldfastError } from '../base/errors.ts';
import type { Environment } from './environment.ts';
import type { Output } from './output.ts';
import { jsonText } from './render/json-text.ts';

/** @returns the exit code */
export function reportFailure(thrown: unknown, output: Output, environment: Environment): number {
  const error = asHoldfastError(thrown);
  if (output.isJson) output.complain(jsonText(exitError(error)));
  else for (const line of describeFailure(error, output)) output.complain(line);
  if (error.code === 'internal') explainDefect(error, output, environment);
  return error.exitCode;
}

function exitError(error: HoldfastError): object {
  return {
    message_type: 'exit_error',
    code: error.exitCode,
    message: error.message,
    error_code: error.code,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    ...(Object.keys(error.context).length === 0 ? {} : { context: error.context }),
  };
}

function describeFailure(error: HoldfastError, output: Output): string[] {
  const lines = [`${output.mark('red', 'error:')} ${error.message}`];
  if (error.hint !== undefined) lines.push(`${output.mark('yellow', 'hint:')} ${error.hint}`);
  return lines;
}

/** A stack trace helps only whoever repairs the defect. */
function explainDefect(error: HoldfastError, output: Output, environment: Environment): void {
  if (environment.foreign('HOLDFAST_DEBUG') !== undefined) {
    const cause = error.cause instanceof Error ? error.cause : error;
    output.complain(cause.stack ?? String(cause));
  } else if (!output.isJson) {
    output.complain('This is a defect in Holdfast. Please report it, with what HOLDFAST_DEBUG=1 prints.');
  }
}
