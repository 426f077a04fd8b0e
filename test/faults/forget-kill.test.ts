/** A forget that is killed or interrupted half-way: what was to stay stays, and the next run decides the same. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { holdfast, startHoldfast } from '../support/holdfast.ts';
import { localRepository } from '../support/new-repository.ts';
import { plantSnapshots } from '../support/planted-snapshots.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const count = 4000;
const rules = ['forget', '--keep-daily', '30', '--keep-monthly', '12', '--keep-last', '3'];

/** A repository with a snapshot for every third hour, and what the rules keep of them. */
async function setUp(t: TestContext): Promise<{ path: string; keep: string[]; left: () => string[] }> {
  const path = join(temporaryFolder(t), 'repository');
  await using repository = await localRepository(path);
  const start = Date.UTC(2024, 0, 1);
  const timeOf = (number: number) => new Date(start + number * 3 * 3_600_000).toISOString().replace('.000', '');
  await plantSnapshots(
    repository,
    Array.from({ length: count }, (_, number) => ({ time: timeOf(number) })),
  );
  const [group] = JSON.parse((await holdfast(path, [...rules, '--dry-run'])).stdout) as { keep: { id: string }[] }[];
  return { path, keep: (group?.keep ?? []).map(({ id }) => id).sort(), left: () => readdirSync(join(path, 'snapshots')).sort() };
}

/** Sends the signal as soon as the first snapshots have gone. @returns how the process ended */
async function endHalfWay(path: string, left: () => string[], signal: NodeJS.Signals): Promise<[number | null, NodeJS.Signals | null]> {
  const child = startHoldfast(path, rules);
  const ended = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  child.stdout?.resume();
  child.stderr?.resume();
  while (left().length === count && child.exitCode === null) await sleep(1);
  child.kill(signal);
  return await ended;
}

describe('a forget that ends half-way', () => {
  for (const [signal, end] of [
    ['SIGKILL', [null, 'SIGKILL']],
    ['SIGINT', [130, null]],
  ] as const) {
    it(`by ${signal} has removed nothing that was to stay, and the next one does the rest`, async (t) => {
      const { path, keep, left } = await setUp(t);
      assert.deepEqual(await endHalfWay(path, left, signal), end);
      const between = new Set(left());
      assert.ok(between.size < count && between.size > keep.length, `${between.size} snapshots were left`);
      assert.deepEqual(
        keep.filter((id) => !between.has(id)),
        [],
      );
      // A lock of a process that is gone is in nobody's way.
      await holdfast(path, rules);
      assert.deepEqual(left(), keep);
      assert.deepEqual(readdirSync(join(path, 'locks')), []);
    });
  }
});
