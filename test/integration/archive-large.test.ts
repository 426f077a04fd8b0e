/** Very large files, cut by one worker and stored by all, and streams, which are cut by none. */
import assert from 'node:assert/strict';
import { closeSync, ftruncateSync, openSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { storeSharedFile } from '../../src/archiver/shared-file-job.ts';
import type { StreamTarget } from '../../src/archiver/backup-options.ts';
import { HoldfastError } from '../../src/base/errors.ts';
import { SourceFailure } from '../../src/workers/archive/source-failure.ts';
import { emptyNodeFields } from '../../src/format/node-encoder.ts';
import { ArchiveSetting, countsOf, failuresOf, noting } from '../support/archive-setting.ts';
import { failure } from '../support/failure.ts';
import { pseudoRandomBytes } from '../support/pseudo-random.ts';

describe('a backup of very large files', () => {
  it('shares one very large file, cut as a stream of the same bytes is', async (t) => {
    const setting = await ArchiveSetting.create(t);
    // More than is cut at once, with chunks of the largest size in the hole.
    const content = Buffer.concat([pseudoRandomBytes(20 << 20, 3), Buffer.alloc(50 << 20), pseudoRandomBytes(5 << 20, 4)]);
    writeFileSync(join(setting.source, 'large'), content);
    const asked: string[] = [];
    const file = await setting.run({ workerCount: 3, ...noting(asked) });
    assert.ok(asked.filter((kind) => kind === 'cut').length >= 2);
    const node = (await setting.nodes(file.tree, 'source')).get('large');
    assert.equal(Number(node?.size), content.length);
    assert.ok((node?.content ?? []).length > 15);
    assert.ok((await setting.content(node ?? assert.fail())).equals(content));
    const stream = await setting.run({
      workerCount: 2,
      source: {
        kind: 'stream',
        filename: Buffer.from('/large'),
        // Pieces of every size: shorter than a read, longer than what is buffered.
        stream: pieces(content, [1, 1000, 65_536, 20 << 20]),
        finished: Promise.resolve(),
      },
    });
    assert.deepEqual((await setting.nodes(stream.tree)).get('large')?.content, node?.content);
    assert.equal(Number(stream.summary.dataBlobs), 0, 'the repository has all of it');
  });

  it('takes files in turn that are very large all of them', async (t) => {
    const setting = await ArchiveSetting.create(t);
    for (let number = 0; number < 6; number++) {
      writeFileSync(join(setting.source, `${number}`), `${number}`);
      truncateSync(join(setting.source, `${number}`), 33 << 20);
    }
    const run = await setting.run({ workerCount: 2 });
    assert.deepEqual(countsOf(run).files, [6, 0, 0]);
    assert.equal(run.summary.totalBytesProcessed, 6 * (33 << 20));
  });

  it('reads a file anew, by one worker, that became shorter while several read it', async (t) => {
    const setting = await ArchiveSetting.create(t);
    const path = join(setting.source, 'shrinking');
    const content = pseudoRandomBytes(40 << 20, 6);
    writeFileSync(path, content);
    const shrunk = content.subarray(0, 20 << 20);
    let cuts = 0;
    const run = await setting.run({
      onSession: ({ pool }) => {
        const ask = pool.run.bind(pool);
        pool.run = async (request, order) => {
          const answer = await ask(request, order);
          // Cut to the end of the first span, and nothing of it is stored.
          if (request.kind === 'cut' && cuts++ === 0) truncateSync(path, shrunk.length);
          return answer;
        };
      },
    });
    const node = (await setting.nodes(run.tree, 'source')).get('shrinking');
    assert.equal(Number(node?.size), shrunk.length);
    assert.ok((await setting.content(node ?? assert.fail())).equals(shrunk));
    assert.deepEqual(countsOf(run).files, [1, 0, 0]);
    assert.equal(run.summary.totalBytesProcessed, shrunk.length);
    assert.deepEqual(failuresOf(run), []);
  });

  it('takes a file as long as it has become while it is read', async (t) => {
    const setting = await ArchiveSetting.create(t);
    const path = join(setting.source, 'growing');
    const fd = openSync(path, 'w');
    t.after(() => closeSync(fd));
    ftruncateSync(fd, 70 << 20);
    let cuts = 0;
    const run = await setting.run({
      onSession: ({ pool }) => {
        const ask = pool.run.bind(pool);
        pool.run = async (request, order) => {
          if (request.kind === 'cut' && cuts++ === 1) writeSync(fd, 'more', 70 << 20);
          return await ask(request, order);
        };
      },
    });
    const node = (await setting.nodes(run.tree, 'source')).get('growing');
    assert.equal(Number(node?.size), (70 << 20) + 4);
    assert.equal((await setting.content(node ?? assert.fail())).subarray(-4).toString(), 'more');
  });

  it('leaves out a file that cannot be read to its end', async (t) => {
    const setting = await ArchiveSetting.create(t);
    const folder = openSync(setting.source, 'r');
    let outcome: unknown;
    await setting.run({
      onSession: (session) => {
        const { setUp } = session.pool;
        session.pool.setUp = async (request) => {
          await setUp.call(session.pool, request);
          // Reading from the descriptor of a folder fails, as a bad sector would let it fail.
          const file = { fd: folder, path: Buffer.from('/bad'), fields: emptyNodeFields() };
          outcome = await storeSharedFile(session.pool, file).catch((error: unknown) => error);
        };
      },
    });
    assert.ok(outcome instanceof SourceFailure, String(outcome));
    assert.match(outcome.failure.message, /read \/bad.*EISDIR/u);
    assert.throws(() => closeSync(folder), { code: 'EBADF' });
  });
});

function stream(
  filename: string,
  source: AsyncIterable<Uint8Array>,
  finished: Promise<void> = Promise.resolve(),
): { source: StreamTarget } {
  return { source: { kind: 'stream', filename: Buffer.from(filename), stream: source, finished } };
}

describe('a backup of a stream', () => {
  it('puts it where its name says, with the time of the snapshot', async (t) => {
    const setting = await ArchiveSetting.create(t);
    const run = await setting.run(stream('/db/main/dump.sql', pieces(Buffer.from('select 1'), [3])));
    assert.deepEqual(countsOf(run), { files: [1, 0, 0], dirs: [2, 0, 0] });
    assert.deepEqual([...(await setting.nodes(run.tree)).keys()], ['db']);
    const node = (await setting.nodes(run.tree, 'db', 'main')).get('dump.sql') ?? assert.fail();
    assert.equal((await setting.content(node)).toString(), 'select 1');
    assert.match(node.mtime, /\.123456789/u);
    assert.equal(Date.parse(node.mtime), 1_700_000_000_123);
  });

  it('keeps an empty one', async (t) => {
    const setting = await ArchiveSetting.create(t);
    const run = await setting.run(stream('nothing', pieces(Buffer.alloc(0), [1])));
    assert.deepEqual((await setting.nodes(run.tree)).get('nothing')?.content, []);
  });

  it('makes no snapshot of a stream that fails, at its end or by what made it', async (t) => {
    const setting = await ArchiveSetting.create(t);
    const problem = new HoldfastError('source-failed', 'the command failed');
    const failing = async function* (): AsyncGenerator<Buffer> {
      yield pseudoRandomBytes(3 << 20, 1);
      throw problem;
    };
    assert.equal(await failure(setting.run(stream('dump', failing())), 'source-failed'), problem);
    const finished = Promise.reject<void>(problem);
    finished.catch(() => {});
    assert.equal(await failure(setting.run(stream('dump', pieces(Buffer.from('x'), [1]), finished)), 'source-failed'), problem);
    assert.deepEqual(setting.snapshots, []);
  });

  it('refuses a name without a name before it reads', async (t) => {
    const setting = await ArchiveSetting.create(t);
    const unread = async function* (): AsyncGenerator<Buffer> {
      yield assert.fail('it was read');
    };
    for (const name of ['/', '', '/..']) await failure(setting.run(stream(name, unread())), 'usage');
  });

  it('ends at once when it is cancelled, though the stream rests or never ends', async (t) => {
    const setting = await ArchiveSetting.create(t);
    const resting = async function* (): AsyncGenerator<Buffer> {
      yield Buffer.from('a beginning');
      await new Promise<never>(() => {});
    };
    const endless = async function* (): AsyncGenerator<Buffer> {
      for (;;) {
        yield Buffer.alloc(1 << 20, 'x');
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    for (const source of [resting(), endless()]) {
      const controller = new AbortController();
      setTimeout(() => controller.abort(new HoldfastError('cancelled', 'enough')), 400);
      const error = await failure(setting.run({ ...stream('dump', source), signal: controller.signal }), 'cancelled');
      assert.equal(error.message, 'enough');
    }
    assert.deepEqual(setting.snapshots, []);
  });

  it('stops reading when its chunks cannot be stored', async (t) => {
    const setting = await ArchiveSetting.create(t);
    let read = 0;
    const endless = async function* (): AsyncGenerator<Buffer> {
      for (;;) yield pseudoRandomBytes(1 << 20, read++);
    };
    const problem = new HoldfastError('storage-full', 'no room');
    const run = setting.run({
      ...stream('dump', endless()),
      onSession: ({ pool }) => {
        const ask = pool.run.bind(pool);
        let chunks = 0;
        pool.run = async (request, order) => {
          if (request.kind === 'stream-chunk' && ++chunks === 3) throw problem;
          return await ask(request, order);
        };
      },
    });
    assert.equal(await failure(run, 'storage-full'), problem);
    assert.ok(read < 100, `${read} MiB were read`);
  });
});

async function* pieces(content: Buffer, sizes: readonly number[]): AsyncGenerator<Buffer> {
  for (let at = 0, index = 0; at < content.length; index++) {
    const size = sizes[index % sizes.length] ?? 1;
    yield content.subarray(at, at + size);
    at += size;
  }
}
