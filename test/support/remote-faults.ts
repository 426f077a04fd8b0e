/**
 * A repository on a server that is reached over a bad line, and that answers badly: backups, copies, forgets with prune, and restores, each
 * with something that goes wrong. A command does what it was asked, or says clearly why not. Whichever: restic then finds every byte
 * right, and every snapshot that was finished, and that nobody forgot, is there and restores as it was saved.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { compareTrees } from './compare-trees.ts';
import { generateTree, randomNumbers } from './generated-tree.ts';
import { holdfast, type HoldfastRun, runHoldfast } from './holdfast.ts';
import { localRepository, testPassword } from './new-repository.ts';
import { type Peer, runRestic } from './peers.ts';
import { drawFaults } from './random-faults.ts';
import type { RemotePlace, RemoteRepository } from './remote-places.ts';

export interface RemoteFaultsOptions {
  readonly place: RemotePlace;
  /** restic, which says whether the repository is whole. */
  readonly peer: Peer;
  /** An empty folder for what is saved and restored. */
  readonly folder: string;
  readonly seed: number;
  readonly report: (line: string) => void;
}

interface Action {
  readonly name: 'backup' | 'copy' | 'forget' | 'restore';
  readonly args: readonly string[];
  /** Of what makes a snapshot: its tag, by which what it saved is known. */
  readonly tag?: string;
  /** Of a forget: the snapshots that it removes. */
  readonly forgets?: readonly string[];
  readonly restores?: ListedSnapshot;
}

interface ListedSnapshot {
  readonly id: string;
  readonly tag: string;
}

const skewModule = pathToFileURL(join(import.meta.dirname, 'skewed-clock.mjs')).href;
/** The clock of one in so many commands is wrong. */
const commandsPerSkew = 8;
const mostSkewMs = 48 * 3_600_000;
/** Short, so that a test does not wait long for a failure; the first pause is half a second long. */
const patience = ['--retry-time', '3s', '--stuck-request-timeout', '1s'];
/** A command has at most three faults to outlive. One that takes so long hangs. */
const deadlineS = 90;
const deadlineCodes = new Set([124, 137]);
/** Each is restored after each prune. */
const mostSnapshots = 4;
/** What wrong bytes, and lists without what is there, look like to whoever gets them. */
const deceptions = new Set(['flip', 'truncate', 'lag']);
const expectedCodes = new Set(['storage-failed', 'repository-locked']);

export class RemoteFaults {
  readonly #options: RemoteFaultsOptions;
  readonly #repository: RemoteRepository;
  readonly #random: () => number;
  readonly #password: string;
  #snapshots: readonly ListedSnapshot[] = [];
  #step = 0;
  /** How often each action had each outcome, and what went wrong how often. */
  readonly counts: Record<string, number> = {};
  firedCount = 0;

  static async create(options: RemoteFaultsOptions): Promise<RemoteFaults> {
    return new RemoteFaults(options, await options.place.create());
  }

  private constructor(options: RemoteFaultsOptions, repository: RemoteRepository) {
    this.#options = options;
    this.#repository = repository;
    this.#random = randomNumbers(options.seed);
    this.#password = join(options.folder, 'password');
    writeFileSync(this.#password, testPassword);
  }

  async takeStep(): Promise<void> {
    this.#step++;
    const { place, report } = this.#options;
    const action = await this.#chooseAction();
    const isCached = this.#random() < 0.5;
    const skewMs = this.#below(commandsPerSkew) === 0 ? this.#below(2 * mostSkewMs) - mostSkewMs : 0;
    const faults = drawFaults(this.#random, place.isHttp);
    const drawn = JSON.stringify([...faults.line, ...faults.http]);
    place.arm(faults);
    const result = await this.#perform(action, isCached, skewMs);
    const fired = [...place.disarm(), ...(skewMs === 0 ? [] : [{ kind: 'own clock', ms: skewMs } as const])];
    const line = `${place.name}, step ${this.#step}: ${action.name} -> ${outcomeOf(result)}${result.code === 0 ? '' : ` (${failureOf(result).message})`}, with ${JSON.stringify(fired)}`;
    report(line);
    this.#count(action, result, fired);
    const context = `${line}\narmed: ${drawn}\n${action.args.join(' ')}\n${result.stdout.slice(-1000)}\n${result.stderr}`;
    assertClear(action.name, result, fired, context);
    await this.#assertWhole(action, result, context);
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }

  async #chooseAction(): Promise<Action> {
    const choice = this.#random();
    const [first] = this.#snapshots;
    if (first === undefined || choice < 0.35) return this.#backup();
    if (choice < 0.5) return await this.#copy();
    if (choice < 0.7 || this.#snapshots.length >= mostSnapshots) return this.#forget();
    const restores = this.#snapshots[this.#below(this.#snapshots.length)] ?? first;
    return { name: 'restore', restores, args: ['restore', `${restores.id}:${this.#source}`, '--target', this.#target] };
  }

  #backup(): Action {
    const tag = this.#makeSource();
    return { name: 'backup', tag, args: ['backup', '--tag', tag, '--pack-size', '4', this.#source] };
  }

  /** From a repository of its own, with another key and other cuts. */
  async #copy(): Promise<Action> {
    const other = join(this.#options.folder, 'other');
    if (!existsSync(other)) await (await localRepository(other)).close();
    const tag = this.#makeSource();
    await holdfast(other, ['backup', '--tag', tag, this.#source]);
    return { name: 'copy', tag, args: ['copy', '--from-repo', other, '--from-password-file', this.#password, '--tag', tag] };
  }

  #forget(): Action {
    const chosen = this.#snapshots.filter(() => this.#random() < 0.5);
    const forgets = (chosen.length > 0 ? chosen : this.#snapshots.slice(0, 1)).map(({ id }) => id);
    return { name: 'forget', forgets, args: ['forget', '--prune', '--max-unused', '0', ...forgets] };
  }

  /** Files come, go and change; what is saved is kept, to be compared. */
  #makeSource(): string {
    const source = this.#source;
    const tag = `step${this.#step}`;
    mkdirSync(source, { recursive: true });
    for (const name of readdirSync(source)) if (this.#random() < 0.4) rmSync(join(source, name), { recursive: true });
    for (let count = 1 + this.#below(2); count > 0; count--) {
      const seed = this.#below(40);
      rmSync(join(source, `part ${seed}`), { recursive: true, force: true });
      generateTree(join(source, `part ${seed}`), { seed, fileCount: 3 + this.#below(20), maxFileBytes: 80_000 });
    }
    mkdirSync(join(this.#options.folder, 'saved'), { recursive: true });
    execFileSync('cp', ['-a', source, this.#savedAs(tag)]);
    return tag;
  }

  async #perform({ args }: Action, isCached: boolean, skewMs: number): Promise<HoldfastRun> {
    const { place, folder } = this.#options;
    rmSync(this.#target, { recursive: true, force: true });
    const cache = isCached ? ['--cache-dir', join(folder, 'cache')] : ['--no-cache'];
    return await runHoldfast(this.#repository.location, [...patience, ...cache, ...args], {
      cwd: folder,
      env: { ...place.env, ...(skewMs === 0 ? {} : { HOLDFAST_TEST_SKEW_MS: String(skewMs), NODE_OPTIONS: `--import=${skewModule}` }) },
      prefix: ['timeout', '-s', 'KILL', String(deadlineS)],
    });
  }

  async #assertWhole(action: Action, result: HoldfastRun, context: string): Promise<void> {
    if (result.code === 0 && action.restores !== undefined)
      assert.deepEqual(compareTrees(this.#savedAs(action.restores.tag), this.#target), [], context);
    // A lock whose removal failed stays; nobody is at work now.
    if (result.code !== 0) await this.#restic(['unlock', '--remove-all'], context);
    assert.match(await this.#restic(['check', '--no-lock', '--read-data'], context), /no errors were found/u, context);
    const listed = await this.#list(context);
    this.#assertExpected(action, result, listed, context);
    // Only a prune touches what others need.
    const known = new Set(action.name === 'forget' ? [] : this.#snapshots.map(({ id }) => id));
    for (const snapshot of listed) if (!known.has(snapshot.id)) await this.#assertRestores(snapshot, context);
    const tags = new Set(listed.map(({ tag }) => tag));
    for (const tag of readdirSync(join(this.#options.folder, 'saved'))) {
      if (!tags.has(tag)) rmSync(this.#savedAs(tag), { recursive: true });
    }
    this.#snapshots = listed;
  }

  /** Nothing is gone that nobody forgot, and what a command said it had done is done. */
  #assertExpected(action: Action, { code }: HoldfastRun, listed: readonly ListedSnapshot[], context: string): void {
    const ids = new Set(listed.map(({ id }) => id));
    const forgets = new Set(action.forgets);
    for (const { id } of this.#snapshots) {
      assert.ok(ids.has(id) || forgets.has(id), `snapshot ${id} is gone: ${context}`);
      assert.ok(!ids.has(id) || !forgets.has(id) || code !== 0, `snapshot ${id} was not removed: ${context}`);
    }
    if (code === 0 && action.tag !== undefined)
      assert.ok(
        listed.some(({ tag }) => tag === action.tag),
        `${action.tag} is not there: ${context}`,
      );
  }

  async #assertRestores(snapshot: ListedSnapshot, context: string): Promise<void> {
    rmSync(this.#target, { recursive: true, force: true });
    const args = ['--no-cache', 'restore', `${snapshot.id}:${this.#source}`, '--target', this.#target];
    const { code, stderr } = await runHoldfast(this.#repository.plain, args, { env: this.#options.place.env });
    assert.equal(code, 0, `${stderr}\nafter ${context}`);
    assert.deepEqual(compareTrees(this.#savedAs(snapshot.tag), this.#target), [], `snapshot ${snapshot.tag}, after ${context}`);
  }

  async #list(context: string): Promise<ListedSnapshot[]> {
    const found = JSON.parse(await this.#restic(['snapshots', '--no-lock', '--json'], context)) as readonly {
      id: string;
      tags: readonly string[];
    }[];
    return found.map(({ id, tags }) => ({ id, tag: String(tags[0]) }));
  }

  async #restic(args: readonly string[], context: string): Promise<string> {
    const { peer, place } = this.#options;
    const words = ['--no-cache', ...args];
    const { code, stdout, stderr } = await runRestic(peer.path, this.#repository.plain, testPassword, words, { env: place.env });
    assert.equal(code, 0, `restic ${args.join(' ')}: ${stderr}${stdout}\nafter ${context}`);
    return stdout;
  }

  get #source(): string {
    return join(this.#options.folder, 'source');
  }

  get #target(): string {
    return join(this.#options.folder, 'restored');
  }

  #savedAs(tag: string): string {
    return join(this.#options.folder, 'saved', tag);
  }

  #count(action: Action, result: HoldfastRun, fired: readonly { readonly kind: string }[]): void {
    this.firedCount += fired.length;
    for (const name of [`${action.name} ${outcomeOf(result)}`, ...fired.map(({ kind }) => kind)])
      this.counts[name] = (this.counts[name] ?? 0) + 1;
  }
}

function outcomeOf(result: HoldfastRun): string {
  return result.code === 0 ? 'done' : failureOf(result).code;
}

/** What programs and people are told of a failure. */
function failureOf({ code, lines }: HoldfastRun): { readonly code: string; readonly message: string } {
  const { error_code, message } = lines.findLast((line) => line['message_type'] === 'exit_error') ?? {};
  return { code: typeof error_code === 'string' ? error_code : `exit code ${code}`, message: typeof message === 'string' ? message : '' };
}

/** An exit code of its own kind, a message, and no trace of a defect. */
function assertClear(action: string, result: HoldfastRun, fired: readonly { readonly kind: string }[], context: string): void {
  assert.ok(!deadlineCodes.has(result.code), `it hangs: ${context}`);
  assert.doesNotMatch(result.stdout + result.stderr, /^\s+at .*:\d+:\d+/mu, context);
  if (result.code === 0) return;
  const { code, message } = failureOf(result);
  assert.ok(message.length > 10, context);
  assert.notEqual(code, 'internal', context);
  if (code === 'partial') return assertPartial(action, result, fired, context);
  const isDeceived = fired.some(({ kind }) => deceptions.has(kind));
  assert.ok(isDeceived || expectedCodes.has(code), `${code} without a reason: ${context}`);
}

/** A part that failed is named. Of a backup that can only be the parent, which a list hides: its files are read anew from the source. */
function assertPartial(action: string, result: HoldfastRun, fired: readonly { readonly kind: string }[], context: string): void {
  const failed = result.lines.filter((line) => line['message_type'] === 'error').map(({ item }) => item);
  assert.ok(fired.length > 0, context);
  if (action === 'backup') assert.ok(failed.length > 0 && failed.every((item) => item === 'parent snapshot'), context);
}
