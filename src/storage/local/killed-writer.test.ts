import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fileKinds } from '../backend.ts';
import { LocalBackend } from './local-backend.ts';

/** Saves and adopts without end, several files at once, and says so after the first ones. */
const writer = `
  import { createHash, randomBytes } from 'node:crypto';
  import { writeFileSync } from 'node:fs';
  import { join } from 'node:path';
  import { LocalBackend } from ${JSON.stringify(import.meta.resolve('./local-backend.ts'))};
  const backend = new LocalBackend({ path: process.argv[1] });
  const staging = await backend.stagingFolder();
  const name = (bytes) => createHash('sha256').update(bytes).digest('hex');
  async function writeOne(n) {
    const bytes = randomBytes(200_000);
    await backend.save({ kind: 'index', name: name(bytes) }, bytes);
    const pack = randomBytes(200_000);
    writeFileSync(join(staging, String(n)), pack);
    await backend.adopt({ kind: 'pack', name: name(pack) }, join(staging, String(n)));
  }
  for (let n = 0; ; n += 4) {
    await Promise.all([writeOne(n), writeOne(n + 1), writeOne(n + 2), writeOne(n + 3)]);
    if (n === 0) process.stdout.write('writing');
  }`;

it('a writer that is killed at any moment leaves only complete files to be seen', async () => {
  for (const afterMs of [0, 5, 11, 23]) {
    const path = mkdtempSync(join(tmpdir(), 'holdfast-killed-'));
    await new LocalBackend({ path }).create();
    const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', writer, path], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(child.stdout, 'data');
    await delay(afterMs);
    child.kill('SIGKILL');
    await once(child, 'exit');

    const backend = new LocalBackend({ path });
    const seen: string[] = [];
    for (const kind of fileKinds) {
      for await (const { name } of backend.list(kind)) {
        const bytes = await backend.load({ kind, name });
        assert.equal(createHash('sha256').update(bytes).digest('hex'), name);
        seen.push(name);
      }
    }
    assert.ok(seen.length >= 8);
    rmSync(path, { recursive: true });
  }
});
