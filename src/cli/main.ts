/**
 * The entry of the command line. It imports nothing of ours before it must:
 * `--help` and `--version` answer in the time that Node itself takes to start.
 */
import { readFileSync } from 'node:fs';

/** @returns the exit code; never throws */
export async function main(argv: readonly string[]): Promise<number> {
  const quickAnswer = answerAtOnce(argv);
  if (quickAnswer !== undefined) {
    process.stdout.write(quickAnswer);
    return 0;
  }
  const { run } = await import('./run.ts');
  return await run(argv);
}

function answerAtOnce(argv: readonly string[]): string | undefined {
  const [only, ...others] = argv;
  if (others.length > 0) return undefined;
  if (only === undefined || only === '--help' || only === '-h' || only === 'help') {
    return readFileSync(new URL('./help.txt', import.meta.url), 'utf8');
  }
  return only === '--version' || only === '-V' ? `holdfast ${readVersion()}\n` : undefined;
}

/** The version in package.json, which is two folders up both from src/cli and from dist/cli. */
function readVersion(): string {
  const description: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  const hasVersion = typeof description === 'object' && description !== null && 'version' in description;
  return hasVersion ? String(description.version) : 'unknown';
}
