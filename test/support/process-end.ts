/** How a program that a test started came to its end. */
import type { ChildProcess } from 'node:child_process';
import { constants } from 'node:os';

export interface ProcessEnd {
  /** The exit code; 128 plus the number of the signal when one ended the program. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Call it as soon as the program was started, or output is lost. */
export function processEnd(child: ChildProcess): Promise<ProcessEnd> {
  const texts = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (text: string) => (texts[name] += text));
  }
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code: code ?? 128 + (signal === null ? 0 : constants.signals[signal]), ...texts }));
  });
}
