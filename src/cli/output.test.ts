import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { describe, test } from 'node:test';
import type { HoldfastEvent } from '../base/events.ts';
import { Environment } from './environment.ts';
import { Output } from './output.ts';
import { HumanRenderer } from './render/human.ts';
import { JsonRenderer } from './render/json.ts';

class TestStream extends PassThrough {
  text = '';
  readonly isTTY: boolean;
  readonly columns = 40;

  constructor(isTTY: boolean) {
    super();
    this.isTTY = isTTY;
    this.on('data', (chunk: Buffer) => (this.text += chunk.toString()));
  }
}

class ManualClock {
  #nowMs = 0;
  nowNs = () => BigInt(this.#nowMs) * 1_000_000n;
  monotonicMs = () => this.#nowMs;
  sleep = async () => {};

  advance(ms: number): void {
    this.#nowMs += ms;
  }
}

interface Setting {
  readonly isJson?: boolean;
  readonly verbosity?: number;
  readonly isTerminal?: boolean;
  readonly variables?: Record<string, string>;
}

/** Plays events a second apart, and tells what came out. */
async function play(events: readonly HoldfastEvent[], { isJson = false, verbosity = 1, isTerminal = false, variables = {} }: Setting = {}) {
  const [stdout, stderr, clock] = [new TestStream(isTerminal), new TestStream(isTerminal), new ManualClock()];
  const output = new Output({ stdout, stderr, isJson, verbosity });
  const Renderer = isJson ? JsonRenderer : HumanRenderer;
  const renderer = new Renderer(output, clock, new Environment(variables));
  for (const event of events) {
    clock.advance(1000);
    renderer.sink(event);
  }
  renderer[Symbol.dispose]();
  await output.flush();
  return { stdout: stdout.text, stderr: stderr.text, failureCount: renderer.failureCount };
}

const mib = 2 ** 20;

function progress(filesDone: number, bytesDone: number): HoldfastEvent {
  return { kind: 'progress', operation: 'backup', filesDone, bytesDone, filesTotal: 10, bytesTotal: 100 * mib, errorCount: 0 };
}

const failure: HoldfastEvent = {
  kind: 'failure',
  operation: 'backup',
  path: '/secret',
  error: { code: 'storage-denied', message: 'open /secret failed: EACCES', hint: 'Run as another user.', context: {} },
};
const item: HoldfastEvent = { kind: 'item', action: 'new', path: '/a\u001b', sizeBytes: 10, addedBytes: 10, addedPackedBytes: 5 };

describe('events for people', () => {
  test('show a progress line with rate and remaining time on a terminal, from two seconds on', async () => {
    const { stderr, stdout } = await play([progress(1, 10 * mib), progress(2, 20 * mib), progress(3, 30 * mib), progress(4, 40 * mib)], {
      isTerminal: true,
    });
    assert.equal(stdout, '');
    assert.ok(!stderr.includes('[0:01]'));
    assert.match(stderr, /\[0:04\] 40\.00% {2}4 files 40\.000 MiB/);
    assert.ok(stderr.endsWith('\r\u001b[2K'), 'the line is gone at the end');
  });

  test('count snapshots where snapshots are removed or tagged', async () => {
    const removed = (filesDone: number): HoldfastEvent =>
      ({ ...progress(filesDone, 0), operation: 'forget', filesTotal: 40 }) as HoldfastEvent;
    const { stderr } = await play([10, 20, 30].map(removed), { isTerminal: true });
    assert.match(stderr, /\[0:0\d\] \d\d\.00%  \d+ of 40 snapshots, 10\/s/);
  });

  test('fit the progress line into the terminal', async () => {
    const { stderr } = await play([progress(1, 10 * mib), progress(2, 20 * mib), progress(3, 30 * mib)], { isTerminal: true });
    for (const line of stderr.split('\r\u001b[2K')) assert.ok(line.length < 40, line);
  });

  test('show no progress in a log file unless verbose or asked for by PROGRESS_FPS', async () => {
    const events = Array.from({ length: 25 }, (_, index) => progress(index, index * mib));
    assert.equal((await play(events)).stderr, '');
    assert.equal((await play(events, { verbosity: 2 })).stderr.split('\n').length - 1, 3);
    assert.equal((await play(events, { verbosity: 0, variables: { RESTIC_PROGRESS_FPS: '1' } })).stderr.split('\n').length - 1, 24);
  });

  test('name what failed, and give the same hint once', async () => {
    const { stderr, failureCount } = await play([failure, failure], { verbosity: 0 });
    assert.equal(stderr, 'error: open /secret failed: EACCES\nhint: Run as another user.\nerror: open /secret failed: EACCES\n');
    assert.equal(failureCount, 2);
  });

  test('name every file only when very verbose, with control characters made visible', async () => {
    assert.equal((await play([item], { verbosity: 2 })).stdout, '');
    assert.equal((await play([item], { verbosity: 3 })).stdout, 'new       "/a\\u001b" (10 B, 10 B added)\n');
  });
});

describe('events as JSON', () => {
  test('carry the field names of restic', async () => {
    const { stdout } = await play([progress(1, 10 * mib), progress(5, 50 * mib)], { isJson: true });
    const [, second] = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as object);
    assert.deepEqual(second, {
      message_type: 'status',
      seconds_elapsed: 2,
      seconds_remaining: 1,
      percent_done: 0.5,
      total_files: 10,
      files_done: 5,
      total_bytes: 100 * mib,
      bytes_done: 50 * mib,
      error_count: 0,
    });
  });

  test('of errors go to stderr', async () => {
    const { stdout, stderr } = await play([failure], { isJson: true });
    assert.equal(stdout, '');
    assert.deepEqual(JSON.parse(stderr), {
      message_type: 'error',
      error_code: 'storage-denied',
      error: { message: 'open /secret failed: EACCES' },
      during: 'archival',
      item: '/secret',
    });
  });

  test('name files when verbose', async () => {
    assert.equal((await play([item], { isJson: true })).stdout, '');
    const expected = { message_type: 'verbose_status', action: 'new', item: '/a\u001b', size: 10, data_size: 10, data_size_in_repo: 5 };
    assert.deepEqual(JSON.parse((await play([item], { isJson: true, verbosity: 2 })).stdout), expected);
  });

  test('have no status when quiet', async () => {
    assert.equal((await play([progress(1, 1)], { isJson: true, verbosity: 0 })).stdout, '');
  });
});

describe('lines on a terminal', () => {
  test('push the progress line down', async () => {
    const [stdout, stderr] = [new TestStream(true), new TestStream(true)];
    const output = new Output({ stdout, stderr, isJson: false, verbosity: 1 });
    output.setStatus('working');
    output.line('result');
    await output.flush();
    assert.equal(stdout.text, 'result\n');
    assert.equal(stderr.text, 'working\r\u001b[2Kworking\r\u001b[2K');
  });
});
