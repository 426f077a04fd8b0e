import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { systemClock, systemRandomness } from '../../base/clock.ts';
import { HoldfastError } from '../../base/errors.ts';
import { type Backend, type CallOptions, configFile, fileKinds, type SaveOptions, type StoredFile } from '../../storage/backend.ts';
import { ForwardingBackend } from '../../storage/forwarding-backend.ts';
import { LocalBackend } from '../../storage/local/local-backend.ts';
import { MemoryBackend } from '../../storage/memory/memory-backend.ts';
import { FaultyBackend } from '../../storage/wrappers/faulty-backend.ts';
import { ReadOnlyBackend } from '../../storage/wrappers/read-only-backend.ts';
import { preflight } from './preflight.ts';
import type { PreflightReport, PreflightTopic } from './preflight-line.ts';
import { tokenFinding } from './surrounding-checks.ts';

async function run(backend: Backend, { isReadOnly = false, signal = new AbortController().signal } = {}): Promise<PreflightReport> {
  return await preflight(backend, { isReadOnly, onLine: () => {}, clock: systemClock, random: systemRandomness, signal });
}

const verdictOf = ({ lines }: PreflightReport, topic: PreflightTopic): string | undefined =>
  lines.find((line) => line.topic === topic)?.verdict;

/** With a config, which makes it a repository, and a pack. */
async function repository(): Promise<MemoryBackend> {
  const memory = new MemoryBackend();
  await memory.create();
  await memory.save(configFile, Buffer.from('the config of a repository'));
  await memory.save({ kind: 'pack', name: 'a'.repeat(64) }, Buffer.alloc(1000));
  return memory;
}

async function contentOf(backend: Backend): Promise<string[]> {
  const found: string[] = [];
  for (const kind of fileKinds) for await (const { name } of backend.list(kind)) found.push(`${kind} ${name}`);
  return found;
}

function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-preflight-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** As a server that lets nobody remove anything but locks. Notes what was ever written. */
class AppendOnly extends ForwardingBackend {
  readonly written: string[] = [];

  override async save(file: StoredFile, bytes: Uint8Array, options?: SaveOptions): Promise<void> {
    this.written.push(`${file.kind} of ${bytes.length}`);
    await super.save(file, bytes, options);
  }

  override async remove(file: StoredFile, options?: CallOptions): Promise<void> {
    if (file.kind !== 'lock') throw new HoldfastError('storage-denied', 'nothing is removed here');
    await super.remove(file, options);
  }
}

describe('preflight', () => {
  it('finds a good place fit, and leaves what was there and nothing else', async () => {
    const memory = await repository();
    const before = await contentOf(memory);
    const report = await run(memory);
    assert.deepEqual([report.isFit, report.rights, report.hasRepository], [true, 'full', true]);
    for (const topic of ['reach', 'list', 'write', 'read', 'ranges', 'listing', 'atomicity', 'throughput', 'latency', 'remove'] as const) {
      assert.equal(verdictOf(report, topic), 'ok', topic);
    }
    assert.deepEqual(await contentOf(memory), before);
  });

  it('leaves no trace of a folder that was not there, nor in one that was empty', async (t) => {
    const folder = temporaryFolder(t);
    const report = await run(new LocalBackend({ path: join(folder, 'not', 'there') }));
    assert.deepEqual([report.isFit, report.rights, report.hasRepository], [true, 'full', false]);
    assert.equal(verdictOf(report, 'cleanup'), undefined);
    assert.deepEqual(readdirSync(folder), []);
    mkdirSync(join(folder, 'data'));
    assert.equal((await run(new LocalBackend({ path: folder }))).isFit, true);
    assert.ok(existsSync(join(folder, 'data')));
    assert.deepEqual(readdirSync(folder, { recursive: true }), ['data']);
  });

  it('tells room and clock of a folder', async (t) => {
    const report = await run(new LocalBackend({ path: temporaryFolder(t) }));
    assert.equal(verdictOf(report, 'clock'), 'ok');
    const space = report.lines.find(({ topic }) => topic === 'space');
    assert.ok(Number(space?.values?.['freeBytes']) > 0, JSON.stringify(space));
  });

  it('writes nothing into an append-only repository but an empty lock, and says that it is append-only', async () => {
    const backend = new AppendOnly(await repository());
    const before = await contentOf(backend);
    const report = await run(backend);
    assert.deepEqual([report.isFit, report.rights], [true, 'append-only']);
    assert.deepEqual(backend.written, ['lock of 0']);
    assert.equal(verdictOf(report, 'remove'), 'warning');
    assert.deepEqual(await contentOf(backend), before);
  });

  it('says of a place that cannot be written that it is read-only, and that backups cannot go there', async () => {
    const report = await run(new ReadOnlyBackend(await repository()));
    assert.deepEqual([report.isFit, report.rights], [false, 'read-only']);
    assert.equal(verdictOf(report, 'write'), 'failed');
    assert.equal(verdictOf(report, 'read'), 'ok');
  });

  it('writes nothing when that is said, and such a place is fit to be read from', async () => {
    const backend = new AppendOnly(await repository());
    const report = await run(backend, { isReadOnly: true });
    assert.deepEqual(backend.written, []);
    assert.equal(report.isFit, true);
    assert.equal(verdictOf(report, 'write'), 'skipped');
  });

  it('notices changed bytes, and takes its file away nevertheless', async () => {
    const memory = await repository();
    const before = await contentOf(memory);
    const faulty = new FaultyBackend(memory, [{ operation: 'load', fileKind: 'pack', nth: 1, fault: { kind: 'flip-bit', bit: 3 } }]);
    const report = await run(faulty);
    assert.equal(report.isFit, false);
    assert.equal(verdictOf(report, 'read'), 'failed');
    assert.deepEqual(await contentOf(memory), before);
  });

  it('takes everything away when it is stopped at any moment, and then says that it was stopped', async () => {
    for (let nth = 1; nth <= 6; nth++) {
      const memory = await repository();
      const before = await contentOf(memory);
      const controller = new AbortController();
      let saves = 0;
      class Stopping extends ForwardingBackend {
        override async save(file: StoredFile, bytes: Uint8Array, options?: SaveOptions): Promise<void> {
          await super.save(file, bytes, options);
          if (++saves === nth) controller.abort();
        }
      }
      await assert.rejects(run(new Stopping(memory), { signal: controller.signal }), { code: 'cancelled' });
      assert.deepEqual(await contentOf(memory), before, `stopped after ${nth} writes`);
    }
  });

  it('says which of its files it could not take away', async () => {
    const memory = await repository();
    const error = new HoldfastError('storage-failed', 'the line is down');
    const report = await run(
      new FaultyBackend(memory, [{ operation: 'remove', nth: 2, times: Number.POSITIVE_INFINITY, fault: { kind: 'fail', error } }]),
    );
    assert.equal(verdictOf(report, 'cleanup'), 'warning');
    assert.match(report.lines.at(-1)?.fact ?? '', /pack [0-9a-f]{64}, a file of this preflight, is still there/);
  });

  it('ends with the first line where nobody answers', async () => {
    const error = new HoldfastError('storage-failed', 'nobody listens there', { hint: 'Start it.' });
    const report = await run(new FaultyBackend(new MemoryBackend(), [{ operation: 'open', nth: 1, fault: { kind: 'fail', error } }]));
    assert.deepEqual(
      report.lines.map(({ topic, verdict, hint }) => [topic, verdict, hint]),
      [['reach', 'failed', 'Start it.']],
    );
    assert.deepEqual([report.isFit, report.hasRepository], [false, undefined]);
  });
});

describe('the line about an access that ends', () => {
  const nowMs = Date.parse('2026-11-21T12:00:00Z');
  const days = (count: number): number => nowMs + count * 86_400_000;
  const base = { owner: 'box', service: 'box' };

  it('fails for one that has ended and cannot renew itself, and warns a week before', () => {
    assert.equal(tokenFinding({ ...base, isRenewable: false, expiresMs: days(-1) }, nowMs).verdict, 'failed');
    assert.equal(tokenFinding({ ...base, isRenewable: false, expiresMs: days(3) }, nowMs).verdict, 'warning');
    assert.equal(tokenFinding({ ...base, isRenewable: false, expiresMs: days(30) }, nowMs).verdict, 'ok');
  });

  it('warns before a service forgets an access that nobody uses', () => {
    assert.equal(tokenFinding({ ...base, isRenewable: true, expiresMs: days(-56), forgottenMs: days(4) }, nowMs).verdict, 'warning');
    assert.match(
      tokenFinding({ ...base, isRenewable: true, expiresMs: days(-70), forgottenMs: days(-10) }, nowMs).fact,
      /most likely forgotten/,
    );
    const renewed = tokenFinding({ ...base, isRenewable: true, expiresMs: days(-1), forgottenMs: days(59) }, nowMs);
    assert.match(renewed.fact, /has expired and is renewed with the first request/);
  });
});
