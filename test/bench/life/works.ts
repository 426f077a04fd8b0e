/** What is done with a repository that is there already, and with which words: both programs take the same. */
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/** The state of the repository in which an operation begins. */
export type Start =
  /** A copy of the one that was made; `hasForgotten`: the older half of the snapshots is forgotten already. */
  | { readonly kind: 'copy'; readonly change?: (repository: string) => void; readonly hasForgotten?: boolean }
  /** An empty one. */
  | { readonly kind: 'empty' }
  /** As the operation before left it. */
  | { readonly kind: 'continued' };

export interface LifeWork {
  readonly title: string;
  readonly arguments: readonly string[];
  readonly start: Start;
  /** How closely restic looks at the repository that Holdfast leaves. */
  readonly proof: 'data' | 'structure' | 'none';
  /** True where the size of the repository afterwards is a result. */
  readonly hasSize: boolean;
}

const common = ['--json', '--quiet'];

/** A policy as people have it. */
const policy = ['--keep-daily', '14', '--keep-weekly', '8', '--keep-monthly', '12'];

export const lifeWorks = {
  copy: {
    title: 'copy of all snapshots into an empty repository',
    arguments: ['copy', ...common],
    start: { kind: 'empty' },
    proof: 'none',
    hasSize: true,
  },
  'copy-again': {
    title: 'second copy, with nothing to do',
    arguments: ['copy', ...common],
    start: { kind: 'continued' },
    proof: 'data',
    hasSize: false,
  },
  'repair-index': {
    title: 'repair index, nothing is wrong',
    arguments: ['repair', 'index', ...common],
    start: { kind: 'copy' },
    proof: 'structure',
    hasSize: false,
  },
  'repair-lost-index': {
    title: 'repair index, all index files were lost',
    arguments: ['repair', 'index', ...common],
    start: { kind: 'copy', change: loseIndex },
    proof: 'structure',
    hasSize: false,
  },
  'repair-all-packs': {
    title: 'repair index --read-all-packs',
    arguments: ['repair', 'index', '--read-all-packs', ...common],
    start: { kind: 'copy' },
    proof: 'structure',
    hasSize: false,
  },
  prune: {
    title: 'prune after forgetting half of the snapshots',
    arguments: ['prune', ...common],
    start: { kind: 'copy', hasForgotten: true },
    proof: 'data',
    hasSize: true,
  },
  'snapshots-json': {
    title: 'snapshots --json',
    arguments: ['snapshots', ...common],
    start: { kind: 'copy' },
    proof: 'none',
    hasSize: false,
  },
  'snapshots-table': {
    title: 'snapshots',
    arguments: ['snapshots'],
    start: { kind: 'copy' },
    proof: 'none',
    hasSize: false,
  },
  forget: {
    title: `forget ${policy.join(' ')}`,
    arguments: ['forget', ...policy, ...common],
    start: { kind: 'copy' },
    proof: 'structure',
    hasSize: false,
  },
} as const satisfies Readonly<Record<string, LifeWork>>;

export type LifeOperation = keyof typeof lifeWorks;

function loseIndex(repository: string): void {
  const folder = join(repository, 'index');
  for (const name of readdirSync(folder)) rmSync(join(folder, name));
}
