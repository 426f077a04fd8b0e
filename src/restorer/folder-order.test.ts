import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { directoryState, directoryWord, RestorePlan } from '../workers/restore/plan/restore-plan.ts';
import { folderSteps } from './folder-order.ts';

/** Directory n + 1 lies in one of those before it. */
function planOf(parents: readonly number[], states: readonly number[]): RestorePlan {
  const plan = RestorePlan.create();
  const { directories } = plan;
  directories.allocate(1 + parents.length);
  directories.set(0, directoryWord.state, directoryState.existing);
  parents.forEach((parent, number) => {
    directories.set(number + 1, directoryWord.parent, parent);
    directories.set(number + 1, directoryWord.depth, directories.get(parent, directoryWord.depth) + 1);
    directories.set(number + 1, directoryWord.state, states[number] ?? directoryState.fresh);
  });
  return plan;
}

describe('folderSteps', () => {
  it('has every directory that was made or found, and no parent before its child', () => {
    const tree = fc.array(fc.tuple(fc.nat(), fc.constantFrom(...Object.values(directoryState))), { maxLength: 400 });
    fc.assert(
      fc.property(tree, fc.integer({ min: 1, max: 8 }), (picks, workerCount) => {
        const parents = picks.map(([pick], number) => pick % (number + 1));
        const plan = planOf(
          parents,
          picks.map(([, state]) => state),
        );
        const step = new Map<number, number>();
        let order = 0;
        for (const lists of folderSteps(plan, workerCount)) {
          for (const list of lists) {
            // Within a list one comes after the other, lists of a step come at the same time.
            list.forEach((directory, position) => step.set(directory, lists.length > 1 ? order : order + position));
          }
          order += 1000;
        }
        const wanted = picks.flatMap(([, state], number) =>
          state === directoryState.fresh || state === directoryState.existing ? [number + 1] : [],
        );
        assert.deepEqual(
          [...step.keys()].toSorted((a, b) => a - b),
          wanted,
        );
        for (const [directory, when] of step) {
          const parent = plan.directories.get(directory, directoryWord.parent);
          assert.ok((step.get(parent) ?? Infinity) > when, `directory ${parent} is done before ${directory} in it`);
        }
      }),
    );
  });

  it('shares a wide level out, and leaves a narrow one to one worker', () => {
    const wide = planOf(new Array<number>(500).fill(0), []);
    assert.ok(([...folderSteps(wide, 4)][0]?.length ?? 0) >= 4);
    const deep = planOf(
      Array.from({ length: 500 }, (_, number) => number),
      [],
    );
    assert.deepEqual(
      [...folderSteps(deep, 4)].map((lists) => lists.map((list) => list.length)),
      [[500]],
    );
  });
});
