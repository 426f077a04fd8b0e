/**
 * Every type of file is harmed in every way: what checks say of it, what the repairs save, and what they name as lost.
 * docs/damage.md has the result as tables; `HOLDFAST_WRITE_TABLES=1` in the environment writes them, otherwise they have to be right.
 */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { it, type TestContext } from 'node:test';
import { type DamageScene, harmedKinds, makeDamageScene } from '../support/damage-scene.ts';
import { withDamageTables } from '../support/damage-table.ts';
import { DamageTrial, harms, type Trial } from '../support/damage-trial.ts';
import { projectRoot } from '../support/documents.ts';
import { newestRestic, type Peer, runRestic, systemRestic } from '../support/peers.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const page = join(projectRoot, 'docs/damage.md');
/** Each starts a program at a time: together they take as long as the machine needs for them. */
const trialsAtOnce = 6;

interface Ended {
  readonly trial: Trial;
  /** What restic's check says at the end; undefined where there is no restic. */
  readonly restic: string | undefined;
}

it('the tables of docs/damage.md say what happens, and every repository is whole in the end', async (t) => {
  const folder = temporaryFolder(t);
  const scene = await makeDamageScene(folder);
  const ended = await tryAll(t, scene, folder);
  for (const { trial, restic } of ended) {
    const what = `${trial.file.kind} ${trial.harm}, after ${trial.repair.join(', ')}`;
    assert.equal(trial.afterwards, 'no errors', what);
    assert.match(restic ?? 'no errors were found', /no errors were found/u, what);
  }
  const text = readFileSync(page, 'utf8');
  const current = withDamageTables(
    text,
    ended.map(({ trial }) => trial),
  );
  if (process.env['HOLDFAST_WRITE_TABLES'] === '1') writeFileSync(page, current);
  else assert.equal(text, current, 'HOLDFAST_WRITE_TABLES=1 with this test writes the tables');
});

async function tryAll(t: TestContext, scene: DamageScene, folder: string): Promise<Ended[]> {
  const restic = newestRestic() ?? systemRestic();
  if (restic === undefined) t.diagnostic('there is no restic here: only Holdfast looks at the repaired repositories');
  const all = harmedKinds.flatMap((kind) => harms.map((harm) => ({ file: scene.files[kind], harm })));
  const ended = new Array<Ended>(all.length);
  const queue = all.entries();
  const lane = async (): Promise<void> => {
    for (const [place, { file, harm }] of queue) {
      const own = join(folder, `trial-${place}`);
      mkdirSync(own);
      const trial = new DamageTrial(scene, own);
      ended[place] = { trial: await trial.run(file, harm), restic: await askRestic(restic, trial) };
    }
  };
  await Promise.all(Array.from({ length: trialsAtOnce }, lane));
  return ended;
}

async function askRestic(restic: Peer | undefined, { path, password }: DamageTrial): Promise<string | undefined> {
  if (restic === undefined) return undefined;
  // The lock that was not harmed is still there.
  const { stdout, stderr } = await runRestic(restic.path, path, password, ['check', '--read-data', '--no-lock']);
  return stdout + stderr;
}
