/** The two programs, and the same work told to each. They take the same words, so there is one list. */
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';

export interface Contestant {
  readonly name: 'restic' | 'holdfast';
  readonly program: string;
  /** As in 'restic 0.19.1'. */
  readonly version: string;
}

export const operations = ['backup', 'again', 'check', 'restore'] as const;
export type Operation = (typeof operations)[number];

export const operationTitles: Readonly<Record<Operation, string>> = {
  backup: 'first backup',
  again: 'unchanged second backup',
  check: 'check --read-data',
  restore: 'restore',
};

/** Of every repository here. */
export const password = 'measured in public';

export function contestant(name: Contestant['name'], program: string): Contestant {
  const result = spawnSync(program, ['version'], { encoding: 'utf8' });
  const version = /^(?:restic|holdfast) \d+\.\d+\.\d+[-\w.]*/u.exec(result.stdout)?.[0];
  if (version === undefined) throw new Error(`${program} version printed ${result.stdout}${result.stderr}`);
  return { name, program, version };
}

export function argumentsFor(operation: Operation, corpusPath: string, target: string): string[] {
  const common = ['--json', '--quiet'];
  if (operation === 'check') return ['check', '--read-data', ...common];
  if (operation === 'restore') return ['restore', 'latest', '--target', target, ...common];
  return ['backup', '--compression', 'auto', ...common, corpusPath];
}

/** Folders that one contestant has for itself in a place. */
export function foldersOf({ name }: Contestant, folder: string): { own: string; repository: string; target: string } {
  const own = join(folder, name);
  return { own, repository: join(own, 'repository'), target: join(own, 'restored') };
}

/**
 * An environment that nothing of the caller's gets into. Both have a home of their own, so restic keeps its cache, and Node its
 * compiled code, as they do for a user; temporary files go beside it.
 */
export function environmentOf(which: Contestant, folder: string): Record<string, string> {
  const { own, repository } = foldersOf(which, folder);
  const home = join(own, 'home');
  mkdirSync(home, { recursive: true });
  const path = [dirname(process.execPath), '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'].join(delimiter);
  return { PATH: path, HOME: home, TMPDIR: own, LANG: 'C.UTF-8', RESTIC_REPOSITORY: repository, RESTIC_PASSWORD: password };
}
