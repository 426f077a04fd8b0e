import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PackId, SnapshotId } from '../../base/ids.ts';
import { errorProblem, type ProblemKind } from '../../workers/check/problem.ts';
import { adviceFor } from './check-advice.ts';

const pack = 'aa'.repeat(32) as PackId;

function advice(kinds: readonly ProblemKind[], more: Partial<Parameters<typeof adviceFor>[0]> = {}): string {
  const errors = kinds.map((kind) => errorProblem(kind, 'x', { pack }));
  return adviceFor({ errors, brokenPacks: [], brokenSnapshots: [], suggestRepairIndex: false, ...more });
}

describe('advice after a check', () => {
  it('is to repair damaged packs before the index, which knows what should be in them', () => {
    assert.match(advice(['pack-damaged', 'index'], { brokenPacks: [pack], suggestRepairIndex: true }), /`repair packs`/u);
  });

  it('is to repair the index where packs are missing, for there is nothing to save in them', () => {
    const text = advice(['pack-missing'], { brokenPacks: [pack], suggestRepairIndex: true });
    assert.match(text, /Copy them back.*`repair index`/u);
    assert.doesNotMatch(text, /repair packs/u);
  });

  it('is to look for what the index lacks before anything is given up', () => {
    assert.match(advice(['node']), /`repair index`.*new backup.*`repair snapshots`/u);
  });

  it('is to recover what a damaged snapshot had before its file is removed', () => {
    assert.match(advice(['snapshot'], { brokenSnapshots: [pack as string as SnapshotId] }), /`recover`.*`repair snapshots --forget ID`/u);
  });

  it('is a copy of the repository where no command can make the bytes again', () => {
    assert.match(advice(['config', 'pack-damaged'], { brokenPacks: [pack] }), /copy of the repository/u);
    assert.match(advice(['key']), /copy of the repository.*`key remove ID`/u);
  });
});
