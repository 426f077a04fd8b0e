/** Repositories behind rclone, as a person uses them: with both programs, with an access that is refused, with an rclone that dies. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { compareTrees } from '../support/compare-trees.ts';
import { holdfast, type JsonLine, runHoldfast } from '../support/holdfast.ts';
import { testPassword } from '../support/new-repository.ts';
import { requirePeer, runRestic } from '../support/peers.ts';
import { writeRcloneConfig } from '../support/rclone-config.ts';

interface Place {
  readonly folder: string;
  readonly source: string;
  readonly program: string;
  readonly env: Readonly<Record<string, string>>;
}

/** Undefined, and the test skipped, where there is no rclone. */
async function makePlace(t: TestContext, moreConfig = ''): Promise<Place | undefined> {
  const peer = requirePeer(t, 'newest rclone');
  if (peer === undefined) return undefined;
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-rclone-e2e-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const source = join(folder, 'source');
  for (let n = 0; n < 20; n++) {
    mkdirSync(join(source, `folder ${n % 4}`), { recursive: true });
    writeFileSync(join(source, `folder ${n % 4}`, `file ${n}`), randomBytes(n * 40_000));
  }
  const env = { RCLONE_CONFIG: await writeRcloneConfig(folder, moreConfig), PATH: `${dirname(peer.path)}:${process.env['PATH']}` };
  return { folder, source, program: peer.path, env };
}

/** A service that answers as OAuth's do when an access was withdrawn (RFC 6749, 5.2). */
async function startRefusingService(t: TestContext): Promise<string> {
  const server = createServer((_request, response) => {
    response.writeHead(400, { 'Content-Type': 'application/json' });
    response.end('{"error":"invalid_grant","error_description":"Token has been expired or revoked."}');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => void server.close());
  const address = server.address();
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/token`;
}

function remoteWithToken(tokenUrl: string, token: object): string {
  return `[box]\ntype = box\nclient_id = id\nclient_secret = hidden\ntoken_url = ${tokenUrl}\ntoken = ${JSON.stringify(token)}\n`;
}

const lineOf = (lines: readonly JsonLine[], topic: string): JsonLine | undefined => lines.find((line) => line['topic'] === topic);

describe('a repository behind rclone', { concurrency: 2 }, () => {
  it('is shared with restic, also where rclone encrypts once more', async (t) => {
    const place = await makePlace(t);
    const restic = requirePeer(t, 'newest restic');
    if (place === undefined || restic === undefined) return;
    const { env, source } = place;
    const location = 'rclone:secret:repository';
    await holdfast(location, ['init'], { env });
    await holdfast(location, ['backup', source], { env });
    for (const args of [
      ['check', '--read-data'],
      ['backup', source],
      ['restore', 'latest', '--target', join(place.folder, 'by restic')],
    ]) {
      const { code, stderr } = await runRestic(restic.path, location, testPassword, args, { env });
      assert.equal(code, 0, `restic ${args[0]}: ${stderr}`);
    }
    assert.deepEqual(compareTrees(source, join(place.folder, 'by restic', source)), []);
    const { stdout } = await holdfast(location, ['snapshots'], { env });
    assert.equal((JSON.parse(stdout) as unknown[]).length, 2);
    await holdfast(location, ['restore', 'latest', '--target', join(place.folder, 'by holdfast')], { env });
    assert.deepEqual(compareTrees(source, join(place.folder, 'by holdfast', source)), []);
    await holdfast(location, ['forget', '--keep-last', '1', '--prune'], { env });
    await holdfast(location, ['check', '--read-data'], { env });
  });

  it('is told its rates by the limits', async (t) => {
    const place = await makePlace(t);
    if (place === undefined) return;
    const location = `rclone:folder:${join(place.folder, 'limited')}`;
    await holdfast(location, ['init'], { env: place.env });
    const startMs = performance.now();
    // 7.6 MB that cannot be compressed.
    await holdfast(location, ['backup', '--limit-upload', '5000', place.source], { env: place.env });
    assert.ok(performance.now() - startMs > 1_300, `${performance.now() - startMs} ms`);
    await holdfast(location, ['check', '--read-data'], { env: place.env });
  });

  it('goes on with another rclone when one dies in the middle of a backup, and tells what it said', async (t) => {
    const place = await makePlace(t);
    if (place === undefined) return;
    writeFileSync(join(place.source, 'large'), randomBytes(30 << 20));
    // The first rclone dies after a second; those that follow live.
    const mark = join(place.folder, 'started');
    const dying = join(place.folder, 'dying-rclone');
    const script = `echo started >>${mark}\nif [ "$(wc -l <${mark})" -gt 1 ]; then exec ${place.program} "$@"; fi\necho "a last word" >&2\nexec timeout -s KILL 1.2 ${place.program} "$@"\n`;
    writeFileSync(dying, `#!/bin/sh\n${script}`);
    chmodSync(dying, 0o755);
    const location = `rclone:folder:${join(place.folder, 'repository')}`;
    await holdfast(location, ['init'], { env: place.env });
    const option = ['-o', `rclone.program=${dying}`];
    const { stderr } = await holdfast(location, ['backup', ...option, '--pack-size', '4', '--limit-upload', '12000', place.source], {
      env: place.env,
    });
    assert.match(stderr, /rclone: a last word/);
    assert.ok(readFileSync(mark, 'utf8').split('\n').length > 2, 'a second one was started');
    await holdfast(location, ['check', '--read-data'], { env: place.env });
  });

  it('says that an access was refused, with a code of its own and without trying again', async (t) => {
    const tokenUrl = await startRefusingService(t);
    const token = { access_token: 'hush', token_type: 'Bearer', refresh_token: 'hush', expiry: '2020-01-01T00:00:00Z' };
    const place = await makePlace(t, remoteWithToken(tokenUrl, token));
    if (place === undefined) return;
    const refused = await runHoldfast('rclone:box:repository', ['snapshots'], { env: place.env });
    const error = refused.lines.at(-1);
    assert.deepEqual([refused.code, error?.['error_code']], [1, 'token-refused']);
    assert.match(
      String(error?.['message']),
      /the service of box refuses to renew the access \(rclone: couldn't fetch token: invalid_grant/,
    );
    assert.match(String(error?.['hint']), /rclone config reconnect box:/);
    const told = await runHoldfast('rclone:box:repository', ['preflight'], { env: place.env });
    assert.equal(told.code, 1);
    assert.equal(told.lines.at(-1)?.['error_code'], 'token-refused');
    assert.equal(lineOf(told.lines, 'token')?.['verdict'], 'warning');
    assert.match(String(lineOf(told.lines, 'token')?.['fact']), /most likely forgotten/);
    assert.equal(lineOf(told.lines, 'reach')?.['error_code'], 'token-refused');
    assert.doesNotMatch(refused.stdout + refused.stderr + told.stdout + told.stderr, /hush|hidden/);
  });

  it('shows in a preflight when an access ends that cannot renew itself', async (t) => {
    const expiry = new Date(Date.now() + 3 * 86_400_000).toISOString();
    const token = { access_token: 'hush', token_type: 'Bearer', expiry };
    const place = await makePlace(t, `${remoteWithToken('http://127.0.0.1:9/', token)}\n[before]\ntype = alias\nremote = box:x\n`);
    if (place === undefined) return;
    const option = ['-o', 'rclone.timeout=1s', '--retry-time', '1ms'];
    const { lines } = await runHoldfast('rclone:before:', ['preflight', ...option], { env: place.env });
    const line = lineOf(lines, 'token');
    assert.equal(line?.['verdict'], 'warning');
    assert.match(String(line?.['fact']), /the access of box to box ends in [23] days, and cannot renew itself/);
    assert.equal((line?.['values'] as JsonLine | undefined)?.['expires'], expiry);
  });

  it('names what is wrong with a remote, a program or an option before it waits for anything', async (t) => {
    const place = await makePlace(t);
    if (place === undefined) return;
    for (const [location, args, pattern] of [
      ['rclone:nobody:x', [], /rclone knows no remote of that name/],
      ['rclone:folder:x', ['-o', 'rclone.program=/nowhere/rclone'], /rclone is not on this machine/],
      ['rclone:folder:x', ['-o', 'rclone.timeout=soon'], /timeout.* is not usable/],
      ['rclone:folder:x', ['-o', 'rclone.speed=1'], /rclone.speed.* is not usable/],
      ['rclone:--config=/etc/passwd', [], /names no usable remote/],
      ['rclone:', [], /names no usable remote/],
    ] as const) {
      const startMs = performance.now();
      const { code, stderr } = await runHoldfast(location, [...args, 'snapshots'], { env: place.env });
      assert.notEqual(code, 0, location);
      assert.match(stderr, pattern);
      assert.ok(performance.now() - startMs < 20_000, location);
    }
  });

  it('needs the password of an encrypted configuration, and says so instead of asking', async (t) => {
    const place = await makePlace(t);
    if (place === undefined) return;
    const encrypted = join(place.folder, 'encrypted.conf');
    writeFileSync(encrypted, `# Encrypted rclone configuration File\n\nRCLONE_ENCRYPT_V0:\n${'A'.repeat(120)}\n`);
    const env = { ...place.env, RCLONE_CONFIG: encrypted };
    const { code, stderr } = await runHoldfast('rclone:folder:x', ['snapshots'], { env });
    assert.equal(code, 1);
    assert.match(stderr, /the configuration of rclone is encrypted, and the password for it is missing or wrong/);
  });

  it('leaves no rclone behind, and no file on its way', async (t) => {
    const place = await makePlace(t);
    if (place === undefined) return;
    const temporary = join(place.folder, 'temporary');
    mkdirSync(temporary);
    const location = `rclone:folder:${join(place.folder, 'repository')}`;
    await holdfast(location, ['init'], { env: place.env });
    await holdfast(location, ['backup', '--tmp-dir', temporary, place.source], { env: place.env });
    assert.deepEqual(readdirSync(temporary), []);
    assert.equal(runningWith(place.folder), 0);
  });
});

/** Processes with this word among their arguments. */
function runningWith(word: string): number {
  return readdirSync('/proc').filter((name) => {
    try {
      return /^\d+$/.test(name) && Number(name) !== process.pid && readFileSync(`/proc/${name}/cmdline`, 'utf8').includes(word);
    } catch {
      return false;
    }
  }).length;
}
