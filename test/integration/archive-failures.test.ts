/** In which order a backup has its effects, and that whatever fails, there is no snapshot and nothing that hangs. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, it, type TestContext } from 'node:test';
import { HoldfastError } from '../../src/base/errors.ts';
import { type IndexSink, scanIndex } from '../../src/format/index-file.ts';
import type { CallOptions, StoredFile } from '../../src/storage/backend.ts';
import { FaultyBackend, type PlannedFault } from '../../src/storage/wrappers/faulty-backend.ts';
import { ForwardingBackend } from '../../src/storage/forwarding-backend.ts';
import { ArchiveSetting, type ArchiveOptions } from '../support/archive-setting.ts';
import { failure } from '../support/failure.ts';
import { holdfastPath, holdfastEnvironment } from '../support/holdfast.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { pseudoRandomBytes } from '../support/pseudo-random.ts';

/** Notes when packs are in the repository. */
class NotingBackend extends ForwardingBackend {
  readonly effects: string[] = [];

  override async adopt(file: StoredFile, stagedPath: string, options?: CallOptions): Promise<void> {
    await super.adopt(file, stagedPath, options);
    this.effects.push(file.name);
  }
}

function namedPacks(json: Uint8Array): string[] {
  const names: string[] = [];
  const sink: IndexSink = { pack: (id) => names.push(Buffer.from(id).toString('hex')), blob: () => {} };
  scanIndex(json, sink);
  return names;
}

/** A folder that becomes several packs of data. */
async function severalPacks(t: TestContext): Promise<ArchiveSetting> {
  const setting = await ArchiveSetting.create(t);
  for (let number = 0; number < 40; number++) writeFileSync(join(setting.source, `${number}`), pseudoRandomBytes(100_000, number));
  return setting;
}

const smallPacks: ArchiveOptions = { packSizeBytes: 1 << 20, workerCount: 2 };

/** Nothing that anybody would find or that stays: packs alone are found by the next backup. */
async function assertNothingReported(setting: ArchiveSetting): Promise<void> {
  assert.deepEqual(setting.snapshots, []);
  assert.deepEqual(await setting.stored('index'), []);
  assert.deepEqual(await setting.stored('snapshot'), []);
}

describe('a backup, in the order of its effects,', () => {
  it('has every pack in the repository before an index names it, and every index before the snapshot', async (t) => {
    const setting = await severalPacks(t);
    const backend = new NotingBackend(setting.repository.backend);
    const { effects } = backend;
    const clock = new ManualClock();
    // Each look at the clock is half a minute later: every pack gets an index of its own.
    clock.monotonicMs = (() => {
      let nowMs = 0;
      return () => (nowMs += 30_000);
    })();
    let indexed: string[] = [];
    await setting.run({
      ...smallPacks,
      backend,
      clock,
      saveIndex: async (json) => {
        for (const name of namedPacks(json)) assert.ok(effects.includes(name), 'an index names a pack that is not there');
        const id = await setting.repository.files.save('index', json);
        indexed = [...indexed, ...namedPacks(json)];
        effects.push('index');
        return id;
      },
      saveSnapshot: async () => {
        effects.push('snapshot');
        return 'c'.repeat(64) as never;
      },
    });
    assert.equal(effects.at(-1), 'snapshot');
    assert.ok(effects.filter((effect) => effect === 'index').length >= 3);
    assert.deepEqual(indexed.sort(), (await setting.stored('pack')).sort());
    assert.deepEqual(setting.staged(), []);
  });

  it('merges what the workers have left into one pack of each kind', async (t) => {
    const setting = await severalPacks(t);
    await setting.run({ workerCount: 3 });
    assert.equal((await setting.stored('pack')).length, 2);
  });

  it('writes no index and no snapshot before it is permitted', async (t) => {
    const setting = await severalPacks(t);
    const permission = Promise.withResolvers<void>();
    const run = setting.run({ ...smallPacks, permission: permission.promise });
    await pause(600);
    await assertNothingReported(setting);
    permission.resolve();
    const { snapshotId } = await run;
    assert.notEqual(snapshotId, undefined);
    assert.equal((await setting.stored('index')).length, 1);
  });

  it('writes nothing at all on a dry run, and says what it would', async (t) => {
    const setting = await severalPacks(t);
    const files = (): Set<unknown> => new Set(readdirSync(setting.folder, { recursive: true, encoding: 'utf8' }));
    const before = files();
    const dry = await setting.run({ ...smallPacks, isDryRun: true });
    assert.deepEqual(files(), before);
    assert.equal(dry.snapshotId, undefined);
    const wet = await setting.run(smallPacks);
    assert.equal(dry.tree, wet.tree);
    const { backupStart: _a, backupEnd: _b, ...would } = dry.summary;
    const { backupStart: _c, backupEnd: _d, ...did } = wet.summary;
    assert.deepEqual(would, did);
  });
});

describe('a backup that fails', () => {
  const problem = new HoldfastError('storage-full', 'no room left');
  const faults: Record<string, PlannedFault> = {
    'its first pack cannot be taken in': { operation: 'adopt', nth: 1, fault: { kind: 'fail', error: problem } },
    'a later pack cannot be taken in': { operation: 'adopt', nth: 4, fault: { kind: 'fail', error: problem } },
    'nothing can be staged': { operation: 'stagingFolder', nth: 1, fault: { kind: 'fail', error: problem } },
  };
  for (const [what, fault] of Object.entries(faults)) {
    it(`makes no index and no snapshot when ${what}`, async (t) => {
      const setting = await severalPacks(t);
      const backend = new FaultyBackend(setting.repository.backend, [fault]);
      assert.equal(await failure(setting.run({ ...smallPacks, backend }), 'storage-full'), problem);
      await assertNothingReported(setting);
      // The same process tries again, on the same backend: what lies in the staging folder is in nobody's way.
      const { snapshotId } = await setting.run({ ...smallPacks, backend });
      assert.notEqual(snapshotId, undefined);
      await setting.repository.backend.close();
      assert.deepEqual(setting.staged(), []);
    });
  }

  it('makes no snapshot when the index cannot be saved', async (t) => {
    const setting = await severalPacks(t);
    assert.equal(await failure(setting.run({ saveIndex: () => Promise.reject(problem) }), 'storage-full'), problem);
    await assertNothingReported(setting);
  });

  it('ends at once when the lock is refused, long before anything had to be written', async (t) => {
    const setting = await severalPacks(t);
    const refused = new HoldfastError('repository-locked', 'somebody prunes');
    const resting = (async function* (): AsyncGenerator<Buffer> {
      yield await new Promise<never>(() => {});
    })();
    const source = { kind: 'stream', filename: Buffer.from('x'), stream: resting, finished: Promise.resolve() } as const;
    const permission = pause(100).then(() => Promise.reject(refused));
    permission.catch(() => {});
    assert.equal(await failure(setting.run({ source, permission }), 'repository-locked'), refused);
    await assertNothingReported(setting);
  });

  it('writes nothing more when its lock is lost, before the run begins or when the first index is due', async (t) => {
    const setting = await severalPacks(t);
    const lost = new HoldfastError('repository-locked', 'the lock was removed by somebody');
    assert.equal(await failure(setting.run({ onSession: (session) => session.stop(lost) }), 'repository-locked'), lost);
    const run = setting.run({
      onSession: (session) => {
        const ask = session.pool.run.bind(session.pool);
        session.pool.run = (request, order) => {
          if (request.kind === 'merge') session.stop(lost);
          return ask(request, order);
        };
      },
    });
    assert.equal(await failure(run, 'repository-locked'), lost);
    await assertNothingReported(setting);
  });

  it('leaves nothing running when it is cancelled in the middle', async (t) => {
    const setting = await severalPacks(t);
    const large = join(setting.source, 'large');
    writeFileSync(large, '');
    // Reading it would take minutes.
    truncateSync(large, 100 * 2 ** 30);
    await setting.run({ isDryRun: true, selection: { excludes: ['large'] } });
    const descriptors = readdirSync('/proc/self/fd').length;
    const backend = new FaultyBackend(setting.repository.backend, [{ operation: 'adopt', nth: 2, fault: { kind: 'delay', ms: 5000 } }]);
    const controller = new AbortController();
    setTimeout(() => controller.abort(new HoldfastError('cancelled', 'stopped by SIGINT')), 700);
    const error = await failure(setting.run({ ...smallPacks, backend, signal: controller.signal }), 'cancelled');
    assert.equal(error.message, 'stopped by SIGINT');
    const packs = await setting.stored('pack');
    await pause(200);
    assert.deepEqual(await setting.stored('pack'), packs);
    await assertNothingReported(setting);
    assert.equal(readdirSync('/proc/self/fd').length, descriptors);
    truncateSync(large, 1);
    assert.notEqual((await setting.run(smallPacks)).snapshotId, undefined);
  });

  it('fails, and does not take a file for a pack, where the system writes less than it was given', async (t) => {
    const setting = await severalPacks(t);
    await setting.repository.close();
    // Files end at 512 KiB (the unit of dash is 512 bytes): a write across that line is cut short, the next one fails.
    const script = 'ulimit -f 1024; exec "$@"';
    const args = ['-c', script, 'sh', holdfastPath, 'backup', '--json', 'source'];
    const env = holdfastEnvironment(join(setting.folder, 'repository'), setting.folder);
    const limited = spawnSync('sh', args, { encoding: 'utf8', env, cwd: setting.folder, timeout: 30_000 });
    assert.equal(limited.status, 1, limited.stderr);
    assert.match(limited.stderr, /EFBIG/u);
    assert.deepEqual(await setting.stored('snapshot'), []);
    assert.deepEqual(setting.staged(), []);
    execFileSync(holdfastPath, ['backup', '-q', 'source'], { env, cwd: setting.folder });
    assert.equal((await setting.stored('snapshot')).length, 1);
  });
});
