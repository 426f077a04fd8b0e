/** Several processes use one cache and harm it while one of them is killed: nobody ever gets a wrong byte out of it. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { hash } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { LocalBackend } from '../../src/storage/local/local-backend.ts';
import { chooseSeed } from '../support/generated-tree.ts';
import { pseudoRandomBytes } from '../support/pseudo-random.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const cacheUser = fileURLToPath(new URL('../support/cache-user.ts', import.meta.url));
const runMs = 2_000;

it('a cache that several processes use, harm and lose gives nobody a wrong byte', async (t) => {
  const folder = temporaryFolder(t);
  const [path, cache] = [join(folder, 'repository'), join(folder, 'cache')];
  await plantFiles(path);
  const seed = chooseSeed((line) => t.diagnostic(line));
  const start = (n: number): ChildProcess => {
    const args = [cacheUser, path, cache, String(seed + n), String(runMs)];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit'] });
    t.after(() => void child.kill('SIGKILL'));
    return child;
  };
  const children = [1, 2, 3].map(start);
  const ends = children.map((child) => once(child, 'exit'));
  const victim = start(4);
  const killed = once(victim, 'exit');
  await sleep(runMs / 2);
  victim.kill('SIGKILL');
  await killed;
  for (const end of ends) assert.deepEqual(await end, [0, null]);
});

async function plantFiles(path: string): Promise<void> {
  await using backend = new LocalBackend({ path });
  await backend.create();
  for (const kind of ['index', 'snapshot', 'pack'] as const) {
    for (let n = 1; n <= 12; n++) {
      const bytes = Buffer.from(pseudoRandomBytes(kind === 'pack' ? 90_000 : 2_000 * n, n));
      await backend.save({ kind, name: hash('sha256', bytes, 'hex') }, bytes);
    }
  }
}
