import { type CleansUp, lastInFirstOut } from './temporary-folder.ts';

/** Runs a soak as a program: cleans up at its end, and also when it failed; then the exit code is 1. */
export async function soak(work: (t: CleansUp) => Promise<void>): Promise<void> {
  let cleanUp = (): void => {};
  try {
    await work(lastInFirstOut({ after: (last) => (cleanUp = last) }));
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    process.exitCode = 1;
  } finally {
    cleanUp();
  }
}
