/** A repository in a folder that Holdfast and restic use in turn. */
import assert from 'node:assert/strict';
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SnapshotId } from '../../src/base/ids.ts';
import { Repository } from '../../src/repository/repository.ts';
import type { StoredSnapshot } from '../../src/repository/snapshots.ts';
import { LocalBackend } from '../../src/storage/local/local-backend.ts';
import { type HoldfastOptions, type HoldfastRun, holdfast, type JsonLine, jsonLines } from './holdfast.ts';
import { localRepository, quickScrypt, testPassword } from './new-repository.ts';
import { type Peer, type PeerRun, requirePeer, type RunOptions, runRestic } from './peers.ts';
import { type CleansUp, temporaryFolder } from './temporary-folder.ts';

const lockDeadlineMs = 30_000;

/** Since this version restic's trees have had the fields that Holdfast writes: ids of trees agree with these only. */
const firstVersionOfOurTrees = [0, 19] as const;

export class SharedRepository {
  /** Holds the repository and nothing else, unless the test puts something there. */
  readonly folder: string;
  readonly path: string;
  readonly peer: Peer;

  private constructor(folder: string, name: string, peer: Peer) {
    this.folder = folder;
    this.path = join(folder, name);
    this.peer = peer;
  }

  /** A place for a repository, which somebody else makes there. */
  static at(t: CleansUp, peer: Peer, name = 'repository'): SharedRepository {
    return new SharedRepository(temporaryFolder(t), name, peer);
  }

  /** A new repository, made by Holdfast so that its password costs no time. */
  static async create(t: CleansUp, peer: Peer): Promise<SharedRepository> {
    const shared = SharedRepository.at(t, peer);
    await using _repository = await localRepository(shared.path);
    return shared;
  }

  /**
   * A new repository, made by restic. Its key is opened once and then replaced by one that costs no time: half a second for each command
   * would be most of what a test takes.
   */
  static async createByRestic(t: CleansUp, peer: Peer, args: readonly string[] = []): Promise<SharedRepository> {
    const shared = SharedRepository.at(t, peer);
    await shared.restic(['init', ...args]);
    await using repository = await shared.open();
    await repository.changePassword({ password: testPassword, scryptCost: quickScrypt });
    return shared;
  }

  async holdfast(args: readonly string[], options: HoldfastOptions = {}): Promise<HoldfastRun> {
    return await holdfast(this.path, args, options);
  }

  /** Runs restic, which has to succeed. */
  async restic(args: readonly string[], options: RunOptions = {}): Promise<HoldfastRun> {
    const result = await this.tryRestic(args, options);
    assert.equal(result.code, 0, `restic ${args.join(' ')}: ${result.stderr}${result.stdout}`);
    return { ...result, lines: jsonLines(result.stdout) };
  }

  async tryRestic(args: readonly string[], options: RunOptions = {}): Promise<PeerRun> {
    return await runRestic(this.peer.path, this.path, testPassword, ['--no-cache', ...args], options);
  }

  /** Starts restic, for a test that does something while it runs; its standard input stays open until the test ends it. */
  startRestic(t: CleansUp, args: readonly string[]): ChildProcessWithoutNullStreams {
    const env = { ...process.env, HOME: this.folder, RESTIC_PASSWORD: testPassword };
    const child = spawn(this.peer.path, ['--no-cache', '--repo', this.path, ...args], { env, cwd: this.folder });
    for (const output of [child.stdout, child.stderr]) output.resume();
    t.after(() => void child.kill('SIGKILL'));
    return child;
  }

  lockIds(): string[] {
    return readdirSync(join(this.path, 'locks'));
  }

  /** Waits until somebody has locked the repository. */
  async lockAppears(): Promise<void> {
    const deadline = performance.now() + lockDeadlineMs;
    while (this.lockIds().length === 0) {
      assert.ok(performance.now() < deadline, 'no lock appeared');
      await sleep(20);
    }
  }

  /** The repository in this process, for what a test wants to hold longer than a command does. */
  async open(): Promise<Repository> {
    return await Repository.open(new LocalBackend({ path: this.path }), { password: testPassword });
  }

  /** The snapshots as restic shows them, in the order of their times. */
  async snapshots(): Promise<readonly JsonLine[]> {
    return JSON.parse((await this.restic(['snapshots', '--json'])).stdout) as JsonLine[];
  }

  /** Id of the root tree of a snapshot, as restic shows it. */
  async treeOf(snapshotId: string): Promise<string> {
    const found = (await this.snapshots()).find((snapshot) => snapshot['id'] === snapshotId);
    assert.ok(found !== undefined, `restic does not know snapshot ${snapshotId}`);
    return String(found['tree']);
  }

  /** A snapshot as the file holds it, read in this process, which costs less than to start a program. */
  async readSnapshot(id: string): Promise<StoredSnapshot> {
    await using repository = await this.open();
    return await repository.snapshots.load(id as SnapshotId);
  }

  /** Fails with what restic says when it finds anything wrong with the repository. */
  async check(...args: readonly string[]): Promise<void> {
    const { stdout } = await this.restic(['check', ...args]);
    assert.match(stdout, /no errors were found/u);
  }
}

/** The newest restic if it writes the same trees; otherwise the test is skipped, and a line says which restic is there. */
export function requireTreePeer(t: Pick<TestContext, 'skip'>): Peer | undefined {
  const peer = requirePeer(t, 'newest restic');
  if (peer === undefined) return undefined;
  const [major = 0, minor = 0] = peer.version.split('.').map(Number);
  const [firstMajor, firstMinor] = firstVersionOfOurTrees;
  if (major > firstMajor || minor >= firstMinor) return peer;
  t.skip(
    `tree ids are not compared: restic ${peer.version} writes other trees than ${firstMajor}.${firstMinor}, only check and restore are`,
  );
  return undefined;
}
