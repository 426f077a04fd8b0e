import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { after, before, describe, it } from 'node:test';
import { holdfastEnvironment, holdfastPath } from '../support/holdfast.ts';
import { jsonOf, makeScene, type Scene } from './scene.ts';

const cleanups: (() => void)[] = [];
let scene: Scene;
// A listing of this many files is longer than what a pipe holds (64 KiB).
const manyFiles = 3000;
/** A file of the kernel that nobody may read, not even root. */
const unreadable = '/proc/sys/vm/compact_memory';

before(async () => {
  scene = await makeScene({ after: (work) => cleanups.push(work) });
  mkdirSync(join(scene.source, 'many'));
  for (let file = 0; file < manyFiles; file++) writeFileSync(join(scene.source, 'many', `a file with a rather long name ${file}`), '');
  assert.equal((await scene.holdfast(['backup', 'source'])).code, 0);
});

after(() => {
  for (const work of cleanups) work();
});

interface Ending {
  readonly code: number | null;
  readonly stderr: string;
}

function start(args: readonly string[], stdin: 'pipe' | 'ignore' = 'ignore'): { child: ChildProcess; ending: Promise<Ending> } {
  const env = holdfastEnvironment(scene.repository, join(scene.folder, 'home'));
  const child = spawn(holdfastPath, args, { cwd: scene.folder, env, stdio: [stdin, 'pipe', 'pipe'] });
  let stderr = '';
  child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const { promise, resolve } = Promise.withResolvers<Ending>();
  child.on('close', (code) => resolve({ code, stderr }));
  return { child, ending: promise };
}

async function untilLocked(): Promise<void> {
  const locks = join(scene.repository, 'locks');
  while (readdirSync(locks).length === 0) await delay(10);
}

function assertNothingLeft(): void {
  assert.deepEqual(readdirSync(join(scene.repository, 'locks')), []);
  assert.deepEqual(readdirSync(join(scene.repository, 'tmp'), { recursive: true }), []);
}

async function snapshotCount(): Promise<number> {
  const [list] = jsonOf((await scene.holdfast(['snapshots', '--json'])).stdout);
  return (list as unknown as unknown[]).length;
}

describe('a signal', () => {
  const commands: Record<string, { args: string[]; stdin?: 'pipe' }> = {
    'a backup of standard input that waits for more': { args: ['backup', '--stdin'], stdin: 'pipe' },
    'a backup of a command that never ends': { args: ['backup', '--stdin-from-command', '--', 'yes'] },
    'a backup of files': { args: ['backup', '/usr/lib', '--force'] },
  };
  for (const [name, { args, stdin }] of Object.entries(commands)) {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      it(`${signal} ends ${name} in order`, async () => {
        const count = await snapshotCount();
        const { child, ending } = start(args, stdin);
        await untilLocked();
        await delay(300);
        child.kill(signal);
        const { code, stderr } = await ending;
        assert.equal(code, 130, stderr);
        assert.match(stderr, new RegExp(`${signal} received: cleaning up.*\nerror: stopped by ${signal}\n$`));
        assertNothingLeft();
        assert.equal(await snapshotCount(), count);
      });
    }
  }

  it('is told as JSON where that is asked for', async () => {
    const { child, ending } = start(['backup', '--json', '--stdin'], 'pipe');
    await untilLocked();
    child.kill('SIGTERM');
    const { stderr } = await ending;
    assert.deepEqual(
      jsonOf(stderr).map((line) => [line['message_type'], line['code'], line['error_code']]),
      [['exit_error', 130, 'cancelled']],
    );
  });

  it('ends a restore in order', async () => {
    const { child, ending } = start(['restore', 'latest', '--target', 'out']);
    await untilLocked();
    child.kill('SIGINT');
    assert.equal((await ending).code, 130);
    assertNothingLeft();
  });

  it('that waits for a lock ends the waiting', async () => {
    const holder = start(['backup', '--stdin'], 'pipe');
    await untilLocked();
    await delay(500);
    const { child, ending } = start(['key', 'remove', 'ffff', '--retry-lock', '1h']);
    await delay(1500);
    child.kill('SIGINT');
    const { code, stderr } = await ending;
    assert.equal(code, 130, stderr);
    assert.match(stderr, /waiting up to 3600 s/);
    holder.child.kill('SIGINT');
    await holder.ending;
    assertNothingLeft();
  });
});

describe('a lock of another process', () => {
  it('makes exit code 11 and names its holder', async () => {
    const holder = start(['backup', '--stdin'], 'pipe');
    await untilLocked();
    await delay(500);
    const result = await scene.holdfast(['key', 'remove', 'ffff']);
    assert.equal(result.code, 11);
    assert.match(result.stderr, new RegExp(`process ${holder.child.pid}`));
    assert.equal((await scene.holdfast(['snapshots'])).code, 0, 'readers share the repository');
    holder.child.kill('SIGTERM');
    await holder.ending;
  });
});

describe('a reader that goes away', () => {
  for (const args of [
    ['ls', 'latest'],
    ['ls', 'latest', '--json'],
    ['find', '*'],
    ['dump', 'latest', '/'],
  ]) {
    it(`ends holdfast ${args.join(' ')} without a word`, async () => {
      const { child, ending } = start(args);
      child.stdout?.once('data', () => child.stdout?.destroy());
      const { code, stderr } = await ending;
      assert.equal(stderr, '');
      assert.equal(code, 141);
      assertNothingLeft();
    });
  }

  it('does not end a backup', async () => {
    const count = await snapshotCount();
    const { child, ending } = start(['backup', 'source', '-vv', '--force']);
    child.stdout?.once('data', () => child.stdout?.destroy());
    assert.equal((await ending).code, 0);
    assert.equal(await snapshotCount(), count + 1);
  });
});

describe('a file that cannot be read', () => {
  it('is named and counted, the snapshot is made, and the exit code is 3', async () => {
    const count = await snapshotCount();
    const result = await scene.holdfast(['backup', 'source', unreadable]);
    assert.equal(result.code, 3, result.stderr);
    assert.match(result.stderr, new RegExp(`^error: .*${unreadable}.*EACCES`, 'm'));
    assert.match(result.stderr, /^error: 1 item could not be read$/m);
    assert.match(result.stdout, /snapshot [0-9a-f]{8} saved/);
    assert.equal(await snapshotCount(), count + 1);
  });

  it('is told as JSON with the names that restic uses', async () => {
    const result = await scene.holdfast(['backup', '--json', 'source', unreadable]);
    const [error, exit] = jsonOf(result.stderr);
    assert.equal(error?.['message_type'], 'error');
    assert.equal(error?.['during'], 'archival');
    assert.equal(error?.['item'], unreadable);
    assert.match(JSON.stringify(error?.['error']), /"message":".*EACCES/);
    assert.deepEqual([exit?.['message_type'], exit?.['code']], ['exit_error', 3]);
    const summary = jsonOf(result.stdout).at(-1);
    assert.equal(summary?.['error_count'], 1);
    assert.match(String(summary?.['snapshot_id']), /^[0-9a-f]{64}$/);
  });
});

describe('a stream', () => {
  it('becomes a file of the name asked for', async () => {
    const result = await scene.holdfast(['backup', '--stdin', '--stdin-filename', 'dumps/app.sql'], { input: 'some rows' });
    assert.equal(result.code, 0, result.stderr);
    assert.equal((await scene.holdfast(['dump', 'latest', '/dumps/app.sql'])).stdout, 'some rows');
  });

  it('may be what a command prints; options of the command follow two dashes', async () => {
    const result = await scene.holdfast(['backup', '--stdin-from-command', '--', 'printf', '%s', '--json']);
    assert.equal(result.code, 0, result.stderr);
    assert.equal((await scene.holdfast(['dump', 'latest', 'stdin'])).stdout, '--json');
  });

  it('of a command is not started when the repository does not open', async () => {
    const marker = join(scene.folder, 'started');
    const options = { env: { HOLDFAST_PASSWORD: 'wrong' } };
    assert.equal((await scene.holdfast(['backup', '--stdin-from-command', '--', 'touch', marker], options)).code, 12);
    assert.throws(() => readFileSync(marker), { code: 'ENOENT' });
  });

  it('may be a list of files, with names of any bytes', async () => {
    const name = Buffer.concat([Buffer.from(`${scene.source}/caf`), Buffer.from([0xe9])]);
    writeFileSync(name, 'latin');
    const input = Buffer.concat([name, Buffer.from('\0source/file.txt\0')]);
    const result = await scene.holdfast(['backup', '--files-from-raw', '-', '--tag', 'raw'], { input });
    assert.equal(result.code, 0, result.stderr);
    assert.match((await scene.holdfast(['ls', 'latest', '--tag', 'raw'])).stdout, /\/file\.txt\n/);
  });
});

describe('an argument that is no UTF-8', () => {
  it('names the file that it names', async () => {
    const name = Buffer.concat([Buffer.from(`${scene.source}/na`), Buffer.from([0xef]), Buffer.from('ve')]);
    writeFileSync(name, 'bytes');
    // Node cannot pass such an argument; a shell can.
    const script = `exec ${holdfastPath} backup "$(printf '${scene.source}/na\\357ve')" --tag bytes`;
    const { promise, resolve } = Promise.withResolvers<number | null>();
    const env = holdfastEnvironment(scene.repository, join(scene.folder, 'home'));
    spawn('sh', ['-c', script], { cwd: scene.folder, env, stdio: 'ignore' }).on('close', resolve);
    assert.equal(await promise, 0);
    const listing = await scene.holdfast(['ls', '--json', 'latest', '--tag', 'bytes']);
    assert.ok(jsonOf(listing.stdout).some((node) => String(node['path']).endsWith('/na\ufffdve')));
  });
});

// Last: the unfinished files of the killed process stay for a while.
describe('a lock that a killed process left', () => {
  it('is removed by unlock', async () => {
    const { child, ending } = start(['backup', '--stdin'], 'pipe');
    await untilLocked();
    child.kill('SIGKILL');
    await ending;
    assert.equal(readdirSync(join(scene.repository, 'locks')).length, 1);
    assert.match((await scene.holdfast(['unlock'])).stdout, /^removed 1 lock$/m);
    assert.deepEqual(readdirSync(join(scene.repository, 'locks')), []);
  });
});
