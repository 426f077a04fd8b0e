/** Repositories in buckets of Ceph's gateway, as a person uses them: with both programs, with keys from a file, with a server that goes away. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { ListObjectsV2Command, ListObjectVersionsCommand } from '@aws-sdk/client-s3';
import { CephGateway, hasCeph, requireCeph } from '../support/ceph-gateway.ts';
import { compareTrees } from '../support/compare-trees.ts';
import { holdfast, messageOf, runHoldfast } from '../support/holdfast.ts';
import { testPassword } from '../support/new-repository.ts';
import { requirePeer, runRestic } from '../support/peers.ts';

if (!hasCeph()) it('Ceph is there', (t) => void requireCeph(t));
else {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-s3-e2e-'));
  const certificate = { file: join(folder, 'certificate'), keyFile: join(folder, 'key') };
  const words =
    'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1';
  const hasTls = spawnSync('openssl', [...words.split(' '), '-keyout', certificate.keyFile, '-out', certificate.file]).status === 0;
  const gateway = await CephGateway.start(hasTls ? { certificate } : {});
  after(async () => {
    await gateway[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });
  describe('a repository in a bucket', { concurrency: 3 }, () => {
    describeUse(gateway);
    describeAccess(gateway, folder, hasTls ? certificate.file : undefined);
  });
  describe('a repository in a bucket', () => describeTrouble(gateway));
}

interface Place {
  readonly folder: string;
  readonly source: string;
}

function makePlace(t: TestContext): Place {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-s3-e2e-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const source = join(folder, 'source');
  for (let n = 0; n < 40; n++) {
    const parent = join(source, `folder ${n % 5}`, `deeper ${n % 3}`);
    mkdirSync(parent, { recursive: true });
    writeFileSync(join(parent, `file ${n}`), randomBytes(n * 5000));
  }
  return { folder, source };
}

async function resticDo(gateway: CephGateway, repository: string, args: readonly string[], t: TestContext): Promise<boolean> {
  const peer = requirePeer(t, 'newest restic');
  if (peer === undefined) return false;
  const { code, stderr } = await runRestic(peer.path, repository, testPassword, args, { env: gateway.environment() });
  assert.equal(code, 0, `restic ${args.join(' ')}: ${stderr}`);
  return true;
}

function describeUse(gateway: CephGateway): void {
  const env = gateway.environment();

  it('is made, filled and pruned by Holdfast, then checked and restored by restic', async (t) => {
    const { folder, source } = makePlace(t);
    const location = gateway.location('ours/one');
    await holdfast(location, ['init'], { env });
    await holdfast(location, ['backup', source], { env });
    rmSync(join(source, 'folder 1'), { recursive: true });
    const second = await holdfast(location, ['backup', source], { env });
    assert.equal(messageOf(second.lines, 'summary')['files_unmodified'], 32);
    await holdfast(location, ['forget', '--keep-last', '1', '--prune'], { env });
    if (!(await resticDo(gateway, location, ['check', '--read-data'], t))) return;
    const target = join(folder, 'restored');
    await resticDo(gateway, location, ['restore', 'latest', '--target', target], t);
    assert.deepEqual(compareTrees(source, join(target, source)), []);
  });

  it('that restic made is checked, restored, continued and pruned by Holdfast', async (t) => {
    const { folder, source } = makePlace(t);
    const location = gateway.location('theirs/deep/er');
    if (!(await resticDo(gateway, location, ['init'], t))) return;
    await resticDo(gateway, location, ['backup', source], t);
    await holdfast(location, ['check', '--read-data'], { env });
    const target = join(folder, 'restored');
    await holdfast(location, ['restore', 'latest', '--target', target], { env });
    assert.deepEqual(compareTrees(source, join(target, source)), []);
    const { lines } = await holdfast(location, ['backup', source], { env });
    assert.equal(messageOf(lines, 'summary')['files_unmodified'], 40);
    await holdfast(location, ['forget', '--keep-last', '1', '--prune'], { env });
    await resticDo(gateway, location, ['check', '--read-data'], t);
  });

  it('with object lock keeps what a prune removes, and stays whole for both programs', async (t) => {
    const { source } = makePlace(t);
    const location = gateway.location('worm');
    const lock = ['-o', 's3.object-lock=governance', '-o', 's3.object-lock-days=2'];
    await holdfast(location, [...lock, 'init'], { env });
    await holdfast(location, [...lock, 'backup', source], { env });
    rmSync(join(source, 'folder 1'), { recursive: true });
    await holdfast(location, [...lock, 'backup', source], { env });
    const before = await gateway.client().send(new ListObjectsV2Command({ Bucket: 'worm' }));
    await holdfast(location, [...lock, 'forget', '--keep-last', '1', '--prune', '--max-unused', '0'], { env });
    await holdfast(location, ['check', '--read-data'], { env });
    const now = await gateway.client().send(new ListObjectsV2Command({ Bucket: 'worm' }));
    const kept = await gateway.client().send(new ListObjectVersionsCommand({ Bucket: 'worm' }));
    const present = new Set(now.Contents?.map(({ Key }) => Key));
    const removed = before.Contents?.filter(({ Key }) => !present.has(Key)) ?? [];
    assert.ok(removed.some(({ Key }) => Key?.startsWith('data/') === true));
    const versions = new Set(kept.Versions?.map(({ Key }) => Key));
    for (const { Key } of removed) assert.ok(versions.has(Key), Key);
    await resticDo(gateway, location, ['check'], t);
  });
}

function describeAccess(gateway: CephGateway, folder: string, authority: string | undefined): void {
  const env = gateway.environment();

  it('is opened with keys from a profile', async () => {
    const file = join(folder, 'credentials');
    const { id, secret } = gateway.keys;
    writeFileSync(
      file,
      `[default]\naws_access_key_id = x\naws_secret_access_key = y\n[backup]\naws_access_key_id = ${id}\naws_secret_access_key = ${secret}\n`,
    );
    const profile = { ...env, AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: '', AWS_SHARED_CREDENTIALS_FILE: file };
    const location = gateway.location('profiled');
    await holdfast(location, ['init'], { env: { ...profile, AWS_PROFILE: 'backup' } });
    const { code, stderr } = await runHoldfast(location, ['snapshots'], { env: profile });
    assert.equal(code, 1);
    assert.match(stderr, /does not know the access key/);
  });

  it('is not opened with wrong keys or none, and no message repeats them', async () => {
    const location = gateway.location('profiled');
    for (const [keys, words] of [
      [{ AWS_ACCESS_KEY_ID: 'NOBODY', AWS_SECRET_ACCESS_KEY: 'not-the-secret' }, /does not know the access key/],
      [{ AWS_SECRET_ACCESS_KEY: 'not-the-secret' }, /does not accept the secret key/],
      [{ AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: '' }, /none were found/],
    ] as const) {
      const { code, stdout, stderr } = await runHoldfast(location, ['snapshots'], { env: { ...env, ...keys } });
      assert.equal(code, 1, stderr);
      assert.match(stderr, words);
      assert.doesNotMatch(stdout + stderr, new RegExp(`not-the-secret|${gateway.keys.secret}`));
    }
  });

  it('is reached over TLS that is verified: with the authority of --cacert, or not at all with --insecure-tls', async (t) => {
    if (authority === undefined) return t.skip('openssl is not on this machine');
    const location = gateway.tlsLocation('secure/one');
    const refused = await runHoldfast(location, ['init'], { env });
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /certificate is not trusted/);
    await holdfast(location, ['init', '--cacert', authority], { env });
    await holdfast(location, ['snapshots', '--insecure-tls'], { env });
    if (!(await resticDo(gateway, location, ['--cacert', authority, 'check'], t))) return;
  });
}

function describeTrouble(gateway: CephGateway): void {
  const env = gateway.environment();

  it('a server that is killed in the middle of a backup and comes back costs nothing but time', async (t) => {
    const { folder, source } = makePlace(t);
    writeFileSync(join(source, 'large'), randomBytes(60 << 20));
    const location = gateway.location('killed');
    await holdfast(location, ['init'], { env });
    const temporary = join(folder, 'temporary');
    mkdirSync(temporary);
    const running = runHoldfast(location, ['backup', '--pack-size', '4', '--tmp-dir', temporary, source], { env });
    const hasPacks = async (): Promise<boolean> =>
      ((await gateway.client().send(new ListObjectsV2Command({ Bucket: 'killed', Prefix: 'data/' }))).KeyCount ?? 0) > 0;
    while (!(await hasPacks())) await delay(5);
    await gateway.killServer();
    await delay(700);
    await gateway.startServer();
    const { code, stderr } = await running;
    assert.equal(code, 0, stderr);
    assert.match(stderr, /trying again in/);
    assert.match(stderr, /answers again/);
    assert.deepEqual(readdirSync(temporary), []);
    await holdfast(location, ['check', '--read-data'], { env });
  });

  it('a server that is not there ends the command with a clear error', async () => {
    const { code, stderr } = await runHoldfast('s3:http://127.0.0.1:9/bucket', ['--retry-time', '1s', 'snapshots'], { env });
    assert.equal(code, 1);
    assert.match(stderr, /nobody listens there \(ECONNREFUSED\)/);
  });
}
