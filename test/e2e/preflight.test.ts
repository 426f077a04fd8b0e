/** `preflight` as a person runs it, before servers and beside programs that use the repository. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { holdfast, type JsonLine, messageOf, runHoldfast, startHoldfast } from '../support/holdfast.ts';
import { testPassword } from '../support/new-repository.ts';
import { requirePeer, runRestic } from '../support/peers.ts';
import { RestServer, type RestServerOptions } from '../support/rest-server.ts';
import { anybody, ServedFolder } from '../support/serve.ts';

/** Undefined, and the test skipped, where there is no rest-server. */
function servers(t: TestContext): ((options?: Omit<RestServerOptions, 'binary'>) => Promise<RestServer>) | undefined {
  const peer = requirePeer(t, 'rest-server');
  if (peer === undefined) return undefined;
  const started: RestServer[] = [];
  t.after(async () => {
    for (const server of started) await server[Symbol.asyncDispose]();
  });
  return async (options = {}) => {
    const server = await RestServer.start({ ...options, binary: peer.path });
    started.push(server);
    return server;
  };
}

function verdicts(lines: readonly JsonLine[]): Record<string, string> {
  const found = lines.filter((line) => line['message_type'] === 'preflight').map((line) => [line['topic'], line['verdict']]);
  return Object.fromEntries(found) as Record<string, string>;
}

function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

describe('preflight', () => {
  it('finds a server fit, before there is a repository and afterwards, without a password', async (t) => {
    const start = servers(t);
    if (start === undefined) return;
    const server = await start();
    const location = server.location('/');
    const env = { HOLDFAST_PASSWORD: '' };
    const empty = await holdfast('/nowhere', ['preflight', location], { env });
    const { repository, fit, rights, has_repository: hasRepository } = messageOf(empty.lines, 'summary');
    assert.deepEqual([repository, fit, rights, hasRepository], [location, true, 'full', false]);
    assert.deepEqual(filesIn(server.folder), []);
    await holdfast(location, ['init']);
    const before = filesIn(server.folder);
    const full = await holdfast(location, ['preflight'], { env });
    assert.deepEqual([verdicts(full.lines)['clock'], verdicts(full.lines)['remove']], ['ok', 'ok']);
    assert.deepEqual(filesIn(server.folder), before);
  });

  it('recognises an append-only server, and leaves nothing there that could not be removed again', async (t) => {
    const start = servers(t);
    if (start === undefined) return;
    const first = await start();
    await holdfast(first.location('/'), ['init']);
    await first.kill();
    const server = await start({ folder: first.folder, args: ['--append-only'] });
    const before = filesIn(server.folder);
    for (const path of ['/', '/another/']) {
      const { lines } = await holdfast(server.location(path), ['preflight']);
      assert.equal(messageOf(lines, 'summary')['rights'], 'append-only', path);
      assert.equal(verdicts(lines)['remove'], 'warning', path);
    }
    assert.deepEqual(filesIn(server.folder), before);
  });

  it('tells quota and rights of a server of our own', async (t) => {
    await using full = await ServedFolder.start({ args: [...anybody, '--quota', '5M'] });
    await holdfast(full.location('/r/'), ['init']);
    const bounded = await runHoldfast(full.location('/r/'), ['preflight']);
    const space = bounded.lines.find((line) => line['topic'] === 'space');
    const { quota_bytes: quotaBytes, used_bytes: usedBytes, free_bytes: freeBytes } = (space?.['values'] ?? {}) as Record<string, number>;
    assert.equal(quotaBytes, 5 << 20);
    assert.ok(Number(usedBytes) > 300 && Number(freeBytes) + Number(usedBytes) === quotaBytes, JSON.stringify(space));
    assert.equal(space?.['verdict'], 'warning');
    const source = mkdtempSync(join(tmpdir(), 'holdfast-preflight-e2e-'));
    t.after(() => rmSync(source, { recursive: true, force: true }));
    writeFileSync(join(source, 'file'), randomBytes(400_000));
    await holdfast(full.location('/r/'), ['backup', source]);
    const before = filesIn(full.folder);
    await using adding = await ServedFolder.start({ folder: full.folder, args: [...anybody, '--write-only'] });
    const { lines } = await holdfast(adding.location('/r/'), ['preflight']);
    assert.equal(messageOf(lines, 'summary')['rights'], 'write-only');
    assert.deepEqual(filesIn(full.folder), before);
  });

  it('disturbs no restic that works on the repository at the same time', async (t) => {
    const start = servers(t);
    const restic = requirePeer(t, 'newest restic');
    if (start === undefined || restic === undefined) return;
    const server = await start();
    const location = server.location('/');
    const folder = mkdtempSync(join(tmpdir(), 'holdfast-preflight-e2e-'));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    await holdfast(location, ['init']);
    let isOver = false;
    const asking = (async () => {
      while (!isOver) await holdfast(location, ['preflight', '--limit-upload', '8000']);
    })();
    for (let n = 0; n < 4; n++) {
      writeFileSync(join(folder, `file ${n}`), `content ${n}`);
      const { code, stderr } = await runRestic(restic.path, location, testPassword, ['backup', folder]);
      assert.deepEqual([code, stderr], [0, '']);
    }
    isOver = true;
    await asking;
    const { code, stdout, stderr } = await runRestic(restic.path, location, testPassword, ['check', '--read-data']);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /no errors were found/);
  });

  it('takes its files away when it is interrupted', async (t) => {
    const start = servers(t);
    if (start === undefined) return;
    const server = await start();
    const location = server.location('/');
    await holdfast(location, ['init']);
    const before = filesIn(server.folder);
    // Slow enough to be met in the middle of a file.
    const child = startHoldfast(location, ['preflight', '--limit-upload', '200']);
    while (filesIn(server.folder).length === before.length && child.exitCode === null) await delay(5);
    await delay(300);
    child.kill('SIGINT');
    const [code] = (await once(child, 'close')) as [number];
    assert.equal(code, 130);
    assert.deepEqual(filesIn(server.folder), before);
  });

  it('fails with a hint where nobody answers, and where two places are named', async () => {
    const { code, lines } = await runHoldfast('/nowhere', ['preflight', '--retry-time', '1ms', 'rest:http://127.0.0.1:9/']);
    assert.equal(code, 1);
    const error = messageOf(lines, 'exit_error');
    assert.equal(error['error_code'], 'preflight-failed');
    assert.match(String(error['hint']), /Check the address and the port/);
    assert.deepEqual(verdicts(lines), { reach: 'failed' });
    assert.equal((await runHoldfast('/nowhere', ['preflight', '/one', '/two'])).code, 1);
  });
});
