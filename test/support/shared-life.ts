/**
 * Several hosts work on one repository at once: they back up, forget, prune and copy, with clocks that are hours apart, so that some take
 * the locks of others for stale and remove them, and some are killed at any moment. After each step restic finds every byte right, and every snapshot that is there restores as it was saved.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { compareTrees } from './compare-trees.ts';
import { generateTree, randomNumbers } from './generated-tree.ts';
import { holdfast, startHoldfast } from './holdfast.ts';
import { localRepository, testPassword } from './new-repository.ts';
import type { SharedRepository } from './shared-repository.ts';

export interface SharedLifeOptions {
  readonly seed: number;
  readonly steps: number;
  readonly report: (line: string) => void;
}

interface Action {
  readonly name: string;
  readonly args: readonly string[];
  /** Of a backup, or a copy of one: its tag, by which what it saved is known. */
  readonly tag?: string;
  /** Of a forget: the snapshots that it removes. */
  readonly forgets?: readonly string[];
}

interface ListedSnapshot {
  readonly id: string;
  readonly tag: string;
}

const skewModule = pathToFileURL(join(import.meta.dirname, 'skewed-clock.mjs')).href;
const hourMs = 3_600_000;
/** Also the number of writers: each has a source of its own. */
const mostAtOnce = 3;
/** More snapshots than this, and the next step forgets some: each is restored after each step. */
const mostSnapshots = 6;
/** A kill comes within this time, early ones more often: that is where the short steps are. */
const longestKillDelayMs = 1500;
const killedCodes = new Set([137, 143]);
/** Done, locked by others, a snapshot that another one forgot first. */
const expectedCodes = new Set([0, 1, 3, 11]);

export class SharedLife {
  readonly #shared: SharedRepository;
  readonly #random: () => number;
  readonly #report: (line: string) => void;
  readonly #outcomes: Record<string, number> = {};
  #snapshots: readonly ListedSnapshot[] = [];
  #step = 0;

  constructor(shared: SharedRepository, { seed, report }: Omit<SharedLifeOptions, 'steps'>) {
    this.#shared = shared;
    this.#random = randomNumbers(seed);
    this.#report = report;
  }

  /** @returns how often each action had each outcome */
  static async run(shared: SharedRepository, { steps, ...options }: SharedLifeOptions): Promise<Readonly<Record<string, number>>> {
    const life = new SharedLife(shared, options);
    for (let step = 1; step <= steps; step++) await life.#takeStep(step);
    return life.#outcomes;
  }

  async #takeStep(step: number): Promise<void> {
    this.#step = step;
    const actions = await this.#chooseActions();
    const ends = await Promise.all(actions.map((action) => this.#perform(action)));
    this.#report(`step ${step}: ${ends.map((end) => `${end.name}${end.isKilled ? ' (killed)' : ''} -> ${end.code}`).join(', ')}`);
    await this.#assertWhole(actions, ends);
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }

  /** One to three at once; a prune in nearly every other step. */
  async #chooseActions(): Promise<Action[]> {
    if (this.#snapshots.length === 0) return [this.#backup(0)];
    const actions: Action[] = [];
    for (let count = 1 + this.#below(mostAtOnce); count > 0; count--) {
      const choice = this.#random();
      if (choice < 0.3) actions.push(this.#backup(actions.length));
      else if (choice < 0.4) actions.push(await this.#copy(actions.length));
      else if (choice < 0.47) actions.push({ name: 'unlock', args: ['unlock'] });
      else if (choice < 0.65 || this.#snapshots.length > mostSnapshots) actions.push(this.#forget());
      else actions.push(this.#prune());
    }
    return actions;
  }

  #backup(writer: number): Action {
    const { source, tag } = this.#makeSource(writer);
    return { name: 'backup', tag, args: ['backup', '--tag', tag, '--host', `host${writer}`, '--pack-size', '4', source] };
  }

  /** From a repository of its own, with another key, other cuts and much that this one has, too. */
  async #copy(writer: number): Promise<Action> {
    const other = join(this.#shared.folder, 'other');
    const password = join(this.#shared.folder, 'password');
    if (!existsSync(other)) {
      await (await localRepository(other)).close();
      writeFileSync(password, testPassword);
    }
    const { source, tag } = this.#makeSource(writer);
    await holdfast(other, ['backup', '--tag', tag, source]);
    return { name: 'copy', tag, args: ['copy', '--from-repo', other, '--from-password-file', password, '--tag', tag] };
  }

  #makeSource(writer: number): { readonly source: string; readonly tag: string } {
    const source = this.#changeSource(writer);
    const tag = `step${this.#step}-writer${writer}`;
    mkdirSync(this.#savedAs(tag), { recursive: true });
    execFileSync('cp', ['-a', source, this.#savedAs(tag)]);
    return { source, tag };
  }

  #forget(): Action {
    const forgets = this.#snapshots.filter(() => this.#random() < 0.4).map(({ id }) => id);
    const ids = forgets.length > 0 ? forgets : this.#snapshots.slice(0, 1).map(({ id }) => id);
    return { name: 'forget', forgets: ids, args: ['forget', ...ids] };
  }

  #prune(): Action {
    const limits = [[], ['--max-unused', '0'], ['--max-unused', 'unlimited'], ['--max-repack-size', '200k'], ['--repack-uncompressed']];
    const more = limits[this.#below(limits.length)] ?? [];
    return { name: 'prune', args: ['prune', '--max-unused', '1%', '--retry-lock', this.#random() < 0.5 ? '0' : '10s', ...more] };
  }

  async #perform(action: Action): Promise<{ name: string; code: number; isKilled: boolean; action: Action }> {
    const isKilled = this.#random() < 0.4;
    const delayMs = this.#random() ** 2 * longestKillDelayMs;
    const skewMs = Math.round((this.#random() - 0.5) * 4 * hourMs);
    const env = { HOLDFAST_TEST_SKEW_MS: String(skewMs), NODE_OPTIONS: `--import=${skewModule}` };
    const child = startHoldfast(this.#shared.path, action.args, { cwd: this.#shared.folder, env });
    let text = '';
    for (const output of [child.stdout, child.stderr]) output?.setEncoding('utf8').on('data', (piece: string) => (text += piece));
    const exit = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
    if (isKilled) {
      await Promise.race([exit, sleep(delayMs)]);
      if (child.exitCode === null && child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    }
    const [status] = await exit;
    const code = status ?? 137;
    assert.ok((isKilled && killedCodes.has(code)) || expectedCodes.has(code), `${action.args.join(' ')} ended with ${code}: ${text}`);
    // 1 is for what another one did first, and never for damage.
    if (code === 1) assert.doesNotMatch(text, /damaged|internal|defect|in no index|lost/u, `${action.args.join(' ')}: ${text}`);
    this.#outcomes[`${action.name} ${code}`] = (this.#outcomes[`${action.name} ${code}`] ?? 0) + 1;
    return { name: action.name, code, isKilled, action };
  }

  async #assertWhole(actions: readonly Action[], ends: readonly { code: number; action: Action }[]): Promise<void> {
    // Killed processes leave locks; nobody is at work now.
    await this.#shared.restic(['unlock', '--remove-all']);
    await this.#shared.check('--read-data');
    const listed = (await this.#shared.snapshots()).map((snapshot) => ({
      id: String(snapshot['id']),
      tag: String((snapshot['tags'] as readonly string[] | undefined)?.[0]),
    }));
    this.#assertExpected(actions, ends, listed);
    for (const snapshot of listed) await this.#assertRestores(snapshot);
    const tags = new Set(listed.map(({ tag }) => tag));
    for (const name of readdirSync(join(this.#shared.folder, 'saved'))) {
      if (!tags.has(name)) rmSync(join(this.#shared.folder, 'saved', name), { recursive: true });
    }
    this.#snapshots = listed;
  }

  /** Nothing is gone that nobody forgot, and what a backup said it saved is there, unless it was lost to a lock. */
  #assertExpected(actions: readonly Action[], ends: readonly { code: number; action: Action }[], listed: readonly ListedSnapshot[]): void {
    const ids = new Set(listed.map(({ id }) => id));
    const forgotten = new Set(actions.flatMap(({ forgets = [] }) => forgets));
    for (const { id } of this.#snapshots) assert.ok(ids.has(id) || forgotten.has(id), `snapshot ${id} is gone`);
    const tags = new Set(listed.map(({ tag }) => tag));
    for (const { code, action } of ends)
      if (code === 0 && action.tag !== undefined) assert.ok(tags.has(action.tag), `${action.tag} is not there`);
  }

  async #assertRestores({ id, tag }: ListedSnapshot): Promise<void> {
    const target = join(this.#shared.folder, 'restored');
    const saved = this.#savedAs(tag);
    const [source = ''] = readdirSync(saved);
    await this.#shared.holdfast(['restore', `${id}:${join(this.#shared.folder, source)}`, '--target', target]);
    assert.deepEqual(compareTrees(join(saved, source), target), [], `snapshot ${id} (${tag})`);
    rmSync(target, { recursive: true });
  }

  #savedAs(tag: string): string {
    return join(this.#shared.folder, 'saved', tag);
  }

  /** Files come, go and change: others than were saved before, so that what was saved can be compared. */
  #changeSource(writer: number): string {
    const source = join(this.#shared.folder, `source ${writer}`);
    mkdirSync(source, { recursive: true });
    for (const name of readdirSync(source)) if (this.#random() < 0.4) rmSync(join(source, name), { recursive: true });
    for (let count = 1 + this.#below(3); count > 0; count--) {
      const seed = this.#below(40);
      rmSync(join(source, `part ${seed}`), { recursive: true, force: true });
      generateTree(join(source, `part ${seed}`), { seed, fileCount: 5 + this.#below(60), maxFileBytes: 120_000 });
    }
    return source;
  }
}
