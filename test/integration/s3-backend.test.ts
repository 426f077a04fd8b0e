/** The S3 client against Ceph's gateway: the contract, and what buckets can do besides. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { createServer, request as startHttp } from 'node:http';
import { once } from 'node:events';
import { after, describe, it } from 'node:test';
import {
  CreateBucketCommand,
  GetObjectRetentionCommand,
  ListObjectVersionsCommand,
  PutBucketPolicyCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { openBackend } from '../../src/app/open-backend.ts';
import { HoldfastError } from '../../src/base/errors.ts';
import type { StorageOptions } from '../../src/app/storage-options.ts';
import { type Backend, configFile, fileKinds } from '../../src/storage/backend.ts';
import { describeBackend } from '../../src/storage/conformance.ts';
import { namesOf, rejectsWith, sample } from '../../src/storage/conformance-samples.ts';
import { type AccessKeys, CephGateway, hasCeph, requireCeph } from '../support/ceph-gateway.ts';
import { failure } from '../support/failure.ts';

const dnsName = 's3.holdfast.test';
// Nothing of the machine's own user, and nobody who offers keys.
Object.assign(process.env, {
  AWS_EC2_METADATA_DISABLED: 'true',
  AWS_SHARED_CREDENTIALS_FILE: '/nonexistent',
  AWS_CONFIG_FILE: '/nonexistent',
});

if (!hasCeph()) it('Ceph is there', (t) => void requireCeph(t));
else {
  const gateway = await CephGateway.start({ dnsName, hasRoles: true });
  after(async () => await gateway[Symbol.asyncDispose]());
  describeConformance(gateway);
  describeBuckets(gateway);
  describeRights(gateway);
  describeWays(gateway);
}

/** A place that nobody else uses, in a bucket that is there. */
function newPlace(bucket = 'shared'): string {
  return `${bucket}/${randomBytes(4).toString('hex')}`;
}

async function open(gateway: CephGateway, place: string, options: StorageOptions & { readonly keys?: AccessKeys } = {}): Promise<Backend> {
  return await openBackend(gateway.location(place), { environment: gateway.environment(options.keys), retryMs: 0, ...options });
}

function describeConformance(gateway: CephGateway): void {
  const variants: Record<string, StorageOptions> = {
    'S3Backend before Ceph': {},
    'S3Backend with lists of the first version': { extended: ['s3.list-objects-v1=true'] },
  };
  for (const [name, options] of Object.entries(variants)) {
    describeBackend(name, async () => {
      const place = newPlace();
      return {
        backend: await open(gateway, place, options),
        reopen: async () => await open(gateway, place, options),
        dispose: async () => {},
      };
    });
  }
}

function describeBuckets(gateway: CephGateway): void {
  describe('a bucket', () => {
    it('is made when a repository is created, and not before', async () => {
      const backend = await open(gateway, newPlace('fresh'));
      assert.match((await failure(backend.open(), 'repository-missing')).message, /there is no bucket fresh$/);
      const missing = await failure(Array.fromAsync(backend.list('pack')), 'storage-missing');
      assert.match(missing.hint ?? '', /init makes one/);
      await backend.create();
      await backend.save(configFile, Buffer.from('settings'));
      await backend.open();
      await backend.close();
    });

    it('with versions shows what was removed to nobody who lists or reads', async () => {
      const client = gateway.client();
      await client.send(new CreateBucketCommand({ Bucket: 'versioned' }));
      await client.send(new PutBucketVersioningCommand({ Bucket: 'versioned', VersioningConfiguration: { Status: 'Enabled' } }));
      const backend = await open(gateway, 'versioned');
      const [one, two] = [sample('pack', 1), sample('pack', 2)];
      for (const { file, bytes } of [one, two, one]) await backend.save(file, bytes);
      await backend.remove(one.file);
      assert.deepEqual(await namesOf(backend, 'pack'), [two.file.name]);
      await rejectsWith('storage-missing', backend.load(one.file));
      assert.equal(await backend.exists(one.file), false);
      await backend.save(one.file, one.bytes);
      assert.deepEqual(await backend.load(one.file), one.bytes);
      assert.equal((await namesOf(backend, 'pack')).length, 2);
      const { Versions = [], DeleteMarkers = [] } = await client.send(new ListObjectVersionsCommand({ Bucket: 'versioned' }));
      assert.deepEqual([Versions.length, DeleteMarkers.length], [4, 1]);
      await backend.close();
    });

    it('with object lock keeps every file for the days that were asked for, but no lock', async () => {
      const backend = await open(gateway, 'locked', { extended: ['s3.object-lock=governance', 's3.object-lock-days=3'] });
      await backend.create();
      await backend.save(configFile, Buffer.from('settings'));
      const client = gateway.client();
      const retentionOf = async (path: string): Promise<number | undefined> => {
        const answer = await client.send(new GetObjectRetentionCommand({ Bucket: 'locked', Key: path })).catch(() => undefined);
        assert.equal(answer?.Retention?.Mode ?? 'GOVERNANCE', 'GOVERNANCE');
        return answer?.Retention?.RetainUntilDate?.getTime();
      };
      const folders = { key: 'keys', lock: 'locks', snapshot: 'snapshots', index: 'index', pack: 'data/' } as const;
      for (const kind of fileKinds) {
        const { file, bytes } = sample(kind, 1);
        if (kind !== 'config') await backend.save(file, bytes);
        const folder = kind === 'pack' ? `data/${file.name.slice(0, 2)}` : kind === 'config' ? '' : folders[kind];
        const untilMs = await retentionOf(kind === 'config' ? 'config' : `${folder}/${file.name}`);
        if (kind === 'lock') assert.equal(untilMs, undefined);
        else assert.ok(Math.abs((untilMs ?? 0) - Date.now() - 3 * 86_400_000) < 600_000, `${kind} ${untilMs}`);
        if (kind !== 'config') await backend.remove(file);
      }
      const { Versions = [], DeleteMarkers = [] } = await client.send(new ListObjectVersionsCommand({ Bucket: 'locked' }));
      assert.deepEqual([Versions.length, DeleteMarkers.length], [6, 5]);
      await backend.close();
    });

    it('without object lock takes no retention, and the error says what is missing', async () => {
      const backend = await open(gateway, newPlace(), { extended: ['s3.object-lock=compliance', 's3.object-lock-days=1'] });
      await backend.create();
      const error = await failure(backend.save(configFile, Buffer.from('settings')), 'unsupported');
      assert.match(error.hint ?? '', /must be made with object lock/);
      await backend.close();
    });

    it('lists more files than one answer holds', async () => {
      const place = newPlace();
      const backend = await open(gateway, place, { extended: ['s3.connections=20'] });
      await backend.create();
      const samples = Array.from({ length: 1100 }, (_, n) => Buffer.from(`snapshot ${n}`)).map((bytes) => ({
        bytes,
        name: createHash('sha256').update(bytes).digest('hex'),
      }));
      await Promise.all(samples.map(({ name, bytes }) => backend.save({ kind: 'snapshot', name }, bytes)));
      const expected = samples.map(({ name }) => name).sort();
      assert.deepEqual((await namesOf(backend, 'snapshot')).sort(), expected);
      const older = await open(gateway, place, { extended: ['s3.list-objects-v1=true'] });
      assert.deepEqual((await namesOf(older, 'snapshot')).sort(), expected);
      for (const each of [backend, older]) await each.close();
    });

    it('takes no content that is not what its name says', async () => {
      const backend = await open(gateway, newPlace());
      await backend.create();
      const { file, bytes } = sample('pack', 1);
      const error = await failure(backend.save(file, Buffer.from(bytes.toString().replace('1', '2'))), 'storage-failed');
      assert.match(error.message, /did not get the content as it was sent/);
      assert.equal(await backend.exists(file), false);
      await backend.close();
    });
  });
}

function describeRights(gateway: CephGateway): void {
  describe('keys', () => {
    it('that are unknown, missing, of another user or with a wrong token are refused, and not repeated', async () => {
      const owner = await open(gateway, 'private');
      await owner.create();
      await owner.save(configFile, Buffer.from('settings'));
      const stranger = await gateway.addUser('stranger');
      const trials: readonly (readonly [AccessKeys, RegExp])[] = [
        // A gateway that knows roles says no more of keys that it does not accept.
        [{ id: 'NOBODY', secret: 'top-secret' }, /does not allow it \(AccessDenied\)/],
        [{ id: '', secret: '' }, /wants keys, and none were found/],
        [stranger, /does not allow it \(AccessDenied\)/],
      ];
      for (const [keys, words] of trials) {
        const backend = await open(gateway, 'private', { keys });
        const error = await failure(backend.open(), 'storage-denied');
        assert.match(error.message, words);
        assert.doesNotMatch(JSON.stringify([error.message, error.hint, error.context]), new RegExp(`top-secret|${stranger.secret}`));
        await backend.close();
      }
      const tokenized = await open(gateway, 'private', { keys: { ...gateway.keys, token: 'top-secret' } });
      await assert.rejects(
        tokenized.open(),
        (error) => error instanceof HoldfastError && !`${error.message} ${error.hint}`.includes('secret'),
      );
      for (const each of [owner, tokenized]) await each.close();
    });

    it('are not needed where everybody may read, when that is said', async () => {
      const owner = await open(gateway, 'public');
      await owner.create();
      await owner.save(configFile, Buffer.from('settings'));
      const Statement = [
        {
          Effect: 'Allow',
          Principal: '*',
          Action: ['s3:GetObject', 's3:ListBucket'],
          Resource: ['arn:aws:s3:::public', 'arn:aws:s3:::public/*'],
        },
      ];
      await gateway
        .client()
        .send(new PutBucketPolicyCommand({ Bucket: 'public', Policy: JSON.stringify({ Version: '2012-10-17', Statement }) }));
      const guest = await open(gateway, 'public', { keys: { id: '', secret: '' }, extended: ['s3.unsafe-anonymous-auth=true'] });
      await guest.open();
      await rejectsWith('storage-denied', guest.save(sample('lock', 1).file, sample('lock', 1).bytes));
      for (const each of [owner, guest]) await each.close();
    });

    it('with the rights that the documentation lists are enough', async () => {
      const client = gateway.client();
      await client.send(new CreateBucketCommand({ Bucket: 'bounded' }));
      const user = await gateway.addUser('bounded');
      const Principal = { AWS: 'arn:aws:iam:::user/bounded' };
      const Statement = [
        { Effect: 'Allow', Principal, Action: ['s3:ListBucket'], Resource: 'arn:aws:s3:::bounded' },
        { Effect: 'Allow', Principal, Action: ['s3:GetObject', 's3:PutObject'], Resource: 'arn:aws:s3:::bounded/one/*' },
        { Effect: 'Allow', Principal, Action: ['s3:DeleteObject'], Resource: 'arn:aws:s3:::bounded/one/locks/*' },
      ];
      await client.send(new PutBucketPolicyCommand({ Bucket: 'bounded', Policy: JSON.stringify({ Version: '2012-10-17', Statement }) }));
      const backend = await open(gateway, 'bounded/one', { keys: user });
      await backend.create();
      await backend.save(configFile, Buffer.from('settings'));
      await backend.open();
      const [lock, pack] = [sample('lock', 1), sample('pack', 1)];
      for (const { file, bytes } of [lock, pack]) await backend.save(file, bytes);
      await backend.remove(lock.file);
      await rejectsWith('storage-denied', backend.remove(pack.file));
      assert.deepEqual(await namesOf(backend, 'pack'), [pack.file.name]);
      await backend.close();
    });

    it('of a role are fetched, with their session token', async () => {
      const user = await gateway.addUser('assuming');
      await gateway.administer('caps', 'add', '--uid=assuming', '--caps=roles=*');
      const trust = {
        Version: '2012-10-17',
        Statement: [{ Effect: 'Allow', Principal: { AWS: ['arn:aws:iam:::user/assuming'] }, Action: ['sts:AssumeRole'] }],
      };
      await gateway.administer('role', 'create', '--role-name=backup', '--path=/', `--assume-role-policy-doc=${JSON.stringify(trust)}`);
      const rights = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: ['s3:*'], Resource: ['arn:aws:s3:::*'] }] };
      await gateway.administer('role-policy', 'put', '--role-name=backup', '--policy-name=all', `--policy-doc=${JSON.stringify(rights)}`);
      const words: Record<string, string> = { ARN: 'arn:aws:iam:::role/backup', STS_ENDPOINT: `http://127.0.0.1:${gateway.port}` };
      const backend = await open(gateway, 'ofrole', { keys: user, awsRole: (name) => words[name] });
      await backend.create();
      await backend.save(configFile, Buffer.from('settings'));
      await backend.open();
      await backend.close();
    });

    it('whose quota is used up are told so', async () => {
      const user = await gateway.addUser('small');
      await gateway.administer('quota', 'set', '--quota-scope=bucket', '--uid=small', '--max-objects=2');
      await gateway.administer('quota', 'enable', '--quota-scope=bucket', '--uid=small');
      const backend = await open(gateway, 'small', { keys: user });
      await backend.create();
      const saving = async (): Promise<void> => {
        for (let n = 0; n < 50; n++) await backend.save(sample('pack', n).file, sample('pack', n).bytes);
      };
      const error = await failure(saving(), 'storage-full');
      assert.match(error.hint ?? '', /quota/);
      await backend.close();
    });
  });
}

function describeWays(gateway: CephGateway): void {
  describe('ways to a bucket', () => {
    it('by the name of the host, through a proxy', async (t) => {
      const hosts = new Set<string | undefined>();
      const proxy = createServer((request, response) => {
        hosts.add(request.headers.host);
        const { pathname, search } = new URL(request.url ?? '');
        const onward = startHttp(
          { port: gateway.port, host: '127.0.0.1', path: pathname + search, method: request.method, headers: request.headers },
          (answer) => {
            response.writeHead(answer.statusCode ?? 500, answer.headers);
            answer.pipe(response);
          },
        );
        request.pipe(onward);
      }).listen(0, '127.0.0.1');
      await once(proxy, 'listening');
      const bound = proxy.address();
      const before = process.env['HTTP_PROXY'];
      process.env['HTTP_PROXY'] = `http://127.0.0.1:${typeof bound === 'object' ? bound?.port : ''}`;
      t.after(() => {
        if (before === undefined) delete process.env['HTTP_PROXY'];
        else process.env['HTTP_PROXY'] = before;
        proxy.closeAllConnections();
        proxy.close();
      });
      const backend = await openBackend(`s3:http://${dnsName}/byname/one`, {
        environment: gateway.environment(),
        extended: ['s3.bucket-lookup=dns'],
        retryMs: 0,
      });
      await backend.create();
      await backend.save(configFile, Buffer.from('settings'));
      await backend.close();
      assert.deepEqual([...hosts], [`byname.${dnsName}`]);
      const direct = await open(gateway, 'byname/one');
      await direct.open();
      await direct.close();
    });

    it('show the clock of the server', async () => {
      const backend = await open(gateway, newPlace());
      const reading = await backend.inspection?.clock?.({ mayWrite: false });
      assert.ok(Math.abs(reading?.aheadMs ?? Number.NaN) < 2000 && (reading?.toleranceMs ?? 0) >= 500, JSON.stringify(reading));
      await backend.close();
    });

    it('objects of others in the same bucket are no files of the repository', async () => {
      const place = newPlace();
      const backend = await open(gateway, place);
      await backend.create();
      const [bucket = '', folder] = place.split('/');
      for (const name of ['readme', `aa/${'a'.repeat(64)}`, 'x'.repeat(64)])
        await gateway.client().send(new PutObjectCommand({ Bucket: bucket, Key: `${folder}/data/${name}.x`, Body: 'x' }));
      assert.deepEqual(await namesOf(backend, 'pack'), []);
      await backend.close();
    });
  });
}
