/** Makes the repositories whose life is measured, each once for a place. Holdfast makes them; each program works on copies. */
import { join } from 'node:path';
import { setImmediate as breathe } from 'node:timers/promises';
import { openBackend } from '../../../src/app/open-backend.ts';
import { Repository } from '../../../src/repository/repository.ts';
import { plantSnapshots } from '../../support/planted-snapshots.ts';
import { argumentsFor, type Contestant, environmentOf, password } from '../contestants.ts';
import { measure } from '../measure.ts';
import { type Place, removeTree } from '../place.ts';
import { ChangingTree } from './changing-tree.ts';
import type { LifeName } from './names.ts';
import { sketchSnapshots } from './sketches.ts';
import type { LifeOperation } from './works.ts';

/** Makes an empty repository with keys of its own, which the bench's password opens. */
export type CreateRepository = (path: string) => Promise<void>;

export interface Making {
  readonly place: Place;
  readonly maker: Contestant;
  readonly createRepository: CreateRepository;
  /** Where the repository is to be; nothing is there yet. */
  readonly repository: string;
}

export interface LifeCorpus {
  readonly name: LifeName;
  /** In the order of measuring. */
  readonly operations: readonly LifeOperation[];
  /** What the repository takes, about, and what is there beside it while it is made: for planning room. */
  readonly estimatedBytes: number;
  readonly beside: number;
  /** @returns a description for the reader of the result */
  make(making: Making): Promise<string>;
}

const mostSteps = 60;
/** From here on there are as many steps as at full scale: less data changes the measurements less than fewer snapshots. */
const scaleOfAllSteps = 0.1;
const fewestSteps = 4;
const treeBytes = 1.4e9;
const treeRepositoryBytes = 3.4e9;
const snapshotCount = 10_000;
const snapshotBytes = 4096;
/** Trees that the many snapshots share. */
const sharedTrees = 4;
const sharedTreeScale = 0.002;

/** @param scale 1 for the full size */
export function lifeCorpus(name: LifeName, scale: number): LifeCorpus {
  if (name === 'many-snapshots') return manySnapshots(Math.max(500, Math.round(snapshotCount * scale)));
  const steps = Math.max(fewestSteps, Math.round(mostSteps * Math.min(1, scale / scaleOfAllSteps)));
  return {
    name,
    operations: ['copy', 'copy-again', 'repair-index', 'repair-lost-index', 'repair-all-packs', 'prune'],
    estimatedBytes: treeRepositoryBytes * scale,
    beside: treeBytes * scale,
    make: async (making) => {
      const { fileCount } = await backUpSteps(making, scale, steps);
      return `repository with ${steps} snapshots of a changing tree of ${fileCount.toLocaleString('en-US')} files`;
    },
  };
}

function manySnapshots(count: number): LifeCorpus {
  return {
    name: 'many-snapshots',
    operations: ['snapshots-json', 'snapshots-table', 'forget'],
    estimatedBytes: count * snapshotBytes,
    beside: treeBytes * sharedTreeScale,
    make: async (making) => {
      await backUpSteps(making, sharedTreeScale, sharedTrees);
      await addSnapshots(making.repository, count);
      return `repository with ${count.toLocaleString('en-US')} snapshots of ten hosts`;
    },
  };
}

async function backUpSteps({ place, maker, createRepository, repository }: Making, scale: number, steps: number): Promise<ChangingTree> {
  const root = join(place.folder, 'corpus', 'changing-tree');
  const env = { ...environmentOf(maker, place.folder), RESTIC_REPOSITORY: repository };
  await createRepository(repository);
  const tree = new ChangingTree(root, scale);
  try {
    tree.create();
    for (let step = 1; step <= steps; step++) {
      if (step > 1) tree.change();
      measure(maker.program, argumentsFor('backup', root, ''), env, place.folder);
      // Lets SIGINT through.
      await breathe();
    }
  } finally {
    removeTree(root);
  }
  return tree;
}

/** Real records of snapshots, written as the repository writes them, of trees that are there: ten thousand backups would take an hour. */
async function addSnapshots(location: string, count: number): Promise<void> {
  await using repository = await Repository.open(await openBackend(location), { password });
  const made = await repository.snapshots.list();
  await plantSnapshots(repository, sketchSnapshots(made, count - made.length));
}
