/** The REST protocol over the pipes of a program: the program is a real server, and ends when it should not. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { systemClock, systemRandomness } from '../../src/base/clock.ts';
import { HoldfastError } from '../../src/base/errors.ts';
import { RestBackend } from '../../src/storage/rest/rest-backend.ts';
import { StdioTransport } from '../../src/storage/rest/stdio-transport.ts';
import { StagingArea } from '../../src/storage/staging-area.ts';
import { RetryBackend } from '../../src/storage/wrappers/retry-backend.ts';
import { holdfastPath } from '../support/holdfast.ts';
import { idOf } from '../support/raw-http.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

interface Scene {
  readonly backend: RestBackend;
  readonly folder: string;
}

function scene(t: TestContext, script: (served: string) => string, { stallMs = 20_000, connections = 5 } = {}): Scene {
  const folder = temporaryFolder(t);
  const command = join(folder, 'program');
  writeFileSync(command, `#!/bin/sh\n${script(join(folder, 'served'))}\n`, { mode: 0o755 });
  const client = new StdioTransport({
    program: { name: 'the program', command, args: [] },
    path: '/r/',
    location: 'stdio',
    connections,
    stallMs,
  });
  const staging = new StagingArea({ parent: folder, makesParent: false, clock: systemClock, random: systemRandomness });
  const backend = new RestBackend({ client, location: 'stdio', staging });
  t.after(() => backend.close());
  return { backend, folder };
}

const serve = (served: string, args = ''): string => `exec ${holdfastPath} serve --stdio --path ${served} ${args}`;

describe('a repository behind a program', () => {
  it('takes and gives large files, several at once', async (t) => {
    const { backend } = scene(t, serve);
    await backend.create();
    const packs = Array.from({ length: 12 }, () => randomBytes(7 << 20));
    const staging = await backend.stagingFolder();
    await Promise.all(
      packs.map(async (bytes, n) => {
        writeFileSync(join(staging, String(n)), bytes);
        await backend.adopt({ kind: 'pack', name: idOf(bytes) }, join(staging, String(n)));
      }),
    );
    const loaded = await Promise.all(packs.map((bytes) => backend.load({ kind: 'pack', name: idOf(bytes) })));
    for (const [n, bytes] of packs.entries()) assert.ok(loaded[n]?.equals(bytes));
  });

  it('hears why an upload is refused, while it is still being sent', async (t) => {
    const { backend } = scene(t, (served) => serve(served, '--quota 2M'));
    await backend.create();
    const bytes = randomBytes(30 << 20);
    const staged = join(await backend.stagingFolder(), 'pack');
    writeFileSync(staged, bytes);
    for (let n = 0; n < 8; n++) {
      await assert.rejects(backend.adopt({ kind: 'pack', name: idOf(bytes) }, staged), (error) => {
        assert.ok(error instanceof HoldfastError && error.code === 'storage-full', String(error));
        assert.match(error.message, /the quota of stdio is used up: \d+ of 2097152 bytes/);
        return true;
      });
    }
    assert.equal(await backend.exists({ kind: 'pack', name: idOf(bytes) }), false);
  });

  it('is started again when it has ended, and the calls go on', async (t) => {
    // Each program ends after three seconds at the latest.
    const { backend } = scene(t, (served) => `timeout -s KILL 3 ${holdfastPath} serve --stdio --path ${served}; exit 9`);
    const told: string[] = [];
    const events = (event: { kind: string; message?: string }): void => void told.push(event.message ?? '');
    const retrying = new RetryBackend(backend, { budgetMs: 30_000, clock: systemClock, random: systemRandomness, events });
    await retrying.create();
    const start = performance.now();
    while (performance.now() - start < 7000) {
      const bytes = randomBytes(2 << 20);
      await retrying.save({ kind: 'pack', name: idOf(bytes) }, bytes);
      assert.ok((await retrying.load({ kind: 'pack', name: idOf(bytes) })).equals(bytes));
    }
    assert.match(told.join('\n'), /the program ended with exit code 9/);
  });

  it('that does not start, or speaks another language, or hangs, is an error that says so', async (t) => {
    const failures: readonly (readonly [string, RegExp])[] = [
      ['echo "no such remote" >&2; exit 3', /the program ended with exit code 3: no such remote/],
      ['echo hello; exec cat >/dev/null', /stdio|the program/],
      ['exec no-such-program-at-all', /the program ended with exit code 127|no program/],
      ['exec sleep 20', /nothing came from or went to stdio/],
      ['kill -9 $$', /the program ended by SIGKILL/],
    ];
    for (const [script, message] of failures) {
      const { backend } = scene(t, () => script, { stallMs: 1000 });
      await assert.rejects(backend.open(), (error) => {
        assert.ok(error instanceof HoldfastError, String(error));
        assert.match(error.message, message);
        return true;
      });
    }
  });

  it('ends a call as cancelled when the signal fires, also one that waits for its turn', async (t) => {
    const { backend } = scene(t, () => 'exec sleep 20', { connections: 1 });
    const controller = new AbortController();
    const calls = [1, 2, 3].map(() => backend.open({ signal: controller.signal }));
    setTimeout(() => controller.abort(), 200);
    for (const call of calls) await assert.rejects(call, { code: 'cancelled' });
  });
});
