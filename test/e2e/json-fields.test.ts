/** The JSON output beside that of the newest restic for the same commands on the same repository: same fields, same types. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { testPassword } from '../support/new-repository.ts';
import { type Peer, newestRestic, requirePeer, runRestic } from '../support/peers.ts';
import { fileContent, jsonOf, makeScene, type Scene } from './scene.ts';

const cleanups: (() => void)[] = [];
let scene: Scene;
let first: string;
let second: string;

before(async () => {
  scene = await makeScene({ after: (work) => cleanups.push(work) });
  if (newestRestic() === undefined) return;
  first = await backUp();
  writeFileSync(join(scene.source, 'file.txt'), `${fileContent}more`);
  second = await backUp('--tag', 'x', '--exclude', 'nothing');
});

after(() => {
  for (const work of cleanups) work();
});

async function backUp(...args: string[]): Promise<string> {
  return String(jsonOf((await scene.holdfast(['backup', '--json', 'source', ...args])).stdout).at(-1)?.['snapshot_id']);
}

/** Every field with the type of its value; of an array the first item stands for all. */
function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.length === 0 ? [] : [shapeOf(value[0])];
  if (typeof value !== 'object' || value === null) return value === null ? null : typeof value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, shapeOf(item)]));
}

/** Fields that Holdfast has beyond restic's, documented in docs/json.md. */
const ownFields = new Set(['error_count', 'files_verified', 'error_code', 'hint', 'context', 'node_version', 'os', 'arch']);
/** Zeros that restic leaves out and Holdfast writes; Go's versions; and the id that restic gives to the snapshot that a dry run does not make. */
const optionalFields = new Set([
  'seconds_elapsed',
  'snapshot_id',
  'files_skipped',
  'files_deleted',
  'bytes_skipped',
  'bytes_restored',
  'total_bytes',
  'go_version',
  'go_os',
  'go_arch',
]);

function assertSameFields(ours: unknown, theirs: unknown, path = ''): void {
  if (typeof theirs !== 'object' || theirs === null || Array.isArray(theirs) !== Array.isArray(ours)) {
    assert.deepEqual(ours, theirs, path);
    return;
  }
  const [a, b] = [ours as Record<string, unknown>, theirs as Record<string, unknown>];
  for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
    if ((!(key in b) && (ownFields.has(key) || optionalFields.has(key))) || (!(key in a) && optionalFields.has(key))) continue;
    assertSameFields(a[key], b[key], `${path}.${key}`);
  }
}

/** Runs the same with both and gives what each printed on stdout and stderr, as JSON. */
async function both(restic: Peer, args: readonly string[]): Promise<{ ours: unknown[]; theirs: unknown[]; codes: number[] }> {
  const ours = await scene.holdfast([...args, '--json']);
  const theirs = await runRestic(restic.path, scene.repository, testPassword, [...args, '--json'], { cwd: scene.folder });
  return {
    ours: jsonOf(ours.stdout + ours.stderr),
    theirs: jsonOf((theirs.stdout + theirs.stderr).replaceAll(/^(?!\{|\[).*$/gm, '')),
    codes: [ours.code, theirs.code],
  };
}

function withoutStatus(lines: readonly unknown[]): unknown[] {
  return lines.filter((line) => (line as { message_type?: string }).message_type !== 'status');
}

const commands: Record<string, () => string[]> = {
  backup: () => ['backup', 'source'],
  'backup --dry-run': () => ['backup', 'source', '--dry-run'],
  snapshots: () => ['snapshots'],
  'snapshots --group-by': () => ['snapshots', '--group-by', 'host,tags', second],
  ls: () => ['ls', second],
  find: () => ['find', 'file.txt', '--snapshot', second],
  'find --tree': () => ['find', '--tree', second.slice(0, 8)],
  diff: () => ['diff', first, second],
  stats: () => ['stats'],
  'stats --mode raw-data': () => ['stats', '--mode', 'raw-data'],
  'stats --mode blobs-per-file': () => ['stats', '--mode', 'blobs-per-file'],
  'stats --mode files-by-contents': () => ['stats', '--mode', 'files-by-contents'],
  check: () => ['check'],
  'key list': () => ['key', 'list'],
  restore: () => ['restore', second, '--target', join(scene.folder, `out-${Math.random()}`)],
  version: () => ['version'],
};

describe('JSON output', () => {
  for (const [name, args] of Object.entries(commands)) {
    it(`of ${name} has restic's fields and types`, async (t) => {
      const restic = requirePeer(t, 'newest restic');
      if (restic === undefined) return;
      const { ours, theirs, codes } = await both(restic, args());
      assert.deepEqual(codes, [0, 0]);
      assertSameFields(shapeOf(withoutStatus(ours)), shapeOf(withoutStatus(theirs)));
    });
  }

  it('of an entry is the same, value by value', async (t) => {
    const restic = requirePeer(t, 'newest restic');
    if (restic === undefined) return;
    for (const args of [
      ['ls', second],
      ['find', '*', '--snapshot', second],
      ['stats', '--mode', 'raw-data', second],
      ['diff', first, second],
    ]) {
      const { ours, theirs } = await both(restic, args);
      assert.deepEqual(ours, theirs, args.join(' '));
    }
  });

  it('of the snapshots is the same, value by value', async (t) => {
    const restic = requirePeer(t, 'newest restic');
    if (restic === undefined) return;
    const { ours, theirs } = await both(restic, ['snapshots']);
    assert.deepEqual(ours, theirs);
  });

  it('of failures has the same exit codes', async (t) => {
    const restic = requirePeer(t, 'newest restic');
    if (restic === undefined) return;
    for (const args of [
      ['snapshots', '--repo', '/nonexistent'],
      ['ls', 'ffffffff'],
      ['restore', 'latest', '--target', 'x', '--tag', 'unknown'],
    ]) {
      const { ours, theirs, codes } = await both(restic, args);
      assert.equal(codes[0], codes[1], args.join(' '));
      assertSameFields(shapeOf(ours.at(-1)), shapeOf(theirs.at(-1)), args.join(' '));
    }
  });
});
