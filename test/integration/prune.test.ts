import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import type { PruneLimits } from '../../src/repository/prune/decide.ts';
import { type FaultyOperation, FaultyBackend } from '../../src/storage/wrappers/faulty-backend.ts';
import type { FileKind } from '../../src/storage/backend.ts';
import type { Repository } from '../../src/repository/repository.ts';
import { EndingBackend } from '../support/ending-backend.ts';
import { chooseSeed, randomNumbers } from '../support/generated-tree.ts';
import { localRepository, memoryRepository } from '../support/new-repository.ts';
import { PruneModel } from '../support/prune-model.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const everything: PruneLimits = {
  maxUnusedBytes: () => 0,
  maxRepackBytes: Number.POSITIVE_INFINITY,
  smallPackBytes: undefined,
  repackCacheableOnly: false,
  repackUncompressed: false,
};

const stops: readonly (readonly [FaultyOperation, FileKind])[] = [
  ['adopt', 'pack'],
  ['save', 'index'],
  ['adopt', 'index'],
  ['remove', 'index'],
  ['remove', 'pack'],
];

async function newModel(t: TestContext, seed: number, repository: Repository): Promise<PruneModel> {
  t.after(() => repository.close());
  const model = new PruneModel(repository, randomNumbers(seed));
  for (let count = 3 + model.below(6); count > 0; count--) await model.backup();
  return model;
}

function randomLimits(model: PruneModel): PruneLimits {
  const unused = model.chance(0.5) ? 0 : model.below(20_000);
  return {
    maxUnusedBytes: () => unused,
    maxRepackBytes: model.chance(0.7) ? Number.POSITIVE_INFINITY : model.below(50_000),
    smallPackBytes: model.chance(0.5) ? undefined : model.below(20_000),
    repackCacheableOnly: model.chance(0.1),
    repackUncompressed: model.chance(0.3),
  };
}

/** Backups, forgotten snapshots and prunes by turns; some prunes meet a backup in the middle, some end at a call of the storage. */
async function live(model: PruneModel, steps: number): Promise<number> {
  let stopped = 0;
  for (let step = 0; step < steps; step++) {
    await model.backup();
    if (model.chance(0.6)) await model.forget();
    if (model.chance(0.1)) await model.plantMissingPack();
    const limits = randomLimits(model);
    const meanwhile = async (): Promise<void> => {
      for (let count = model.below(3); count > 0; count--) await model.backup();
      if (model.chance(0.2)) await model.forget();
      if (model.chance(0.2)) await model.prune({ limits: randomLimits(model) });
    };
    const [operation, fileKind] = stops[model.below(stops.length)] ?? ['remove', 'pack'];
    const when = model.chance(0.5) ? 'before' : 'after';
    const fault = { operation, fileKind, nth: 1 + model.below(5), times: Number.POSITIVE_INFINITY, fault: { kind: 'fail', when } } as const;
    const broken = model.chance(0.5) ? { backend: new FaultyBackend(model.backend, [fault]) } : {};
    await model.prune({ limits, meanwhile, ...broken }).catch((error: unknown) => {
      assert.ok('backend' in broken && /on purpose|fail/u.test(String(error)), error instanceof Error ? error.stack : String(error));
      stopped++;
    });
    await model.assertWhole();
  }
  await model.prune({ limits: everything });
  await model.assertWhole();
  await model.assertTight();
  return stopped;
}

describe('prune', () => {
  it('loses nothing that a snapshot uses, whatever happens meanwhile and wherever it is broken off (workers read packs)', async (t) => {
    const seed = chooseSeed((line) => t.diagnostic(line));
    const model = await newModel(t, seed, await localRepository(join(temporaryFolder(t), 'repository')));
    t.diagnostic(`${await live(model, 12)} prunes were broken off`);
  });

  it('loses nothing at whichever change of the storage it ends, and the next one finishes the work', async (t) => {
    const seed = chooseSeed((line) => t.diagnostic(line));
    const model = await newModel(t, seed, (await memoryRepository()).repository);
    await model.forget();
    await model.plantMissingPack();
    let changes = 0;
    for (let hasEnded = true; hasEnded; changes++) {
      const ended = await model.copy();
      const backend = new EndingBackend(ended.backend, changes);
      // A pack that cannot be removed is only a warning.
      await ended.prune({ limits: everything, backend }).catch((error: unknown) => assert.match(String(error), /the process has ended/u));
      await ended.assertWhole();
      await ended.prune({ limits: everything });
      await ended.assertWhole();
      await ended.assertTight();
      hasEnded = backend.hasEnded;
      await ended.repository.close();
    }
    t.diagnostic(`it makes ${changes - 1} changes`);
    assert.ok(changes > 5);
  });

  it('takes over what it knows of used blobs when copies of them come while its table grows', async (t) => {
    const seed = chooseSeed((line) => t.diagnostic(line));
    const model = await newModel(t, seed, (await memoryRepository()).repository);
    // Fewer fit into the first part of the smallest table.
    await model.prune({ limits: everything, meanwhile: () => model.plantCopiesBehind(45_000) });
    await model.assertWhole();
    await model.assertTight();
  });

  it('loses nothing that a snapshot uses, whatever happens meanwhile and wherever it is broken off (main fetches packs)', async (t) => {
    const seed = chooseSeed((line) => t.diagnostic(line));
    const model = await newModel(t, seed, (await memoryRepository()).repository);
    t.diagnostic(`${await live(model, 12)} prunes were broken off`);
  });
});
