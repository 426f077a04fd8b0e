/**
 * One harm to one file: what checks say of it, what an operator then does who follows their advice, and what is lost in the end.
 * What changes the repository is done by the command line; checks run in this process, which takes a tenth of the time.
 */
import { chmodSync, copyFileSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { asHoldfastError } from '../../src/base/errors.ts';
import { checkRepository } from '../../src/repository/check/check-repository.ts';
import type { CheckReport } from '../../src/repository/check/report.ts';
import { Repository } from '../../src/repository/repository.ts';
import { LocalBackend } from '../../src/storage/local/local-backend.ts';
import { type DamageScene, copyRepository, type HarmedFile, otherPassword } from './damage-scene.ts';
import { type HoldfastRun, type JsonLine, runHoldfast } from './holdfast.ts';
import { testPassword } from './new-repository.ts';

export const harms = ['deleted', 'truncated', 'bit-flipped', 'swapped', 'emptied', 'duplicated'] as const;
export type Harm = (typeof harms)[number];

export interface Trial {
  readonly harm: Harm;
  readonly file: HarmedFile;
  readonly check: string;
  readonly checkData: string;
  /** Commands, in their order. */
  readonly repair: readonly string[];
  readonly saved: readonly string[];
  readonly lost: readonly string[];
  /** What a check of all data says at the end. */
  readonly afterwards: string;
}

/** A backup copy is all that helps: no command can make these bytes again. */
const copiedBack = 'copy the file back';

interface Checked {
  /** Of errors and warnings; or why the repository could not be checked at all. */
  readonly messages: readonly string[];
  readonly isClean: boolean;
  /** Undefined when the check could not begin. */
  readonly report?: CheckReport;
}

export class DamageTrial {
  readonly #scene: DamageScene;
  readonly #path: string;
  readonly #folder: string;
  readonly #steps: string[] = [];
  readonly #saved: string[] = [];
  readonly #lost = new Set<string>();
  #password = testPassword;

  /** @param folder an empty one of its own */
  constructor(scene: DamageScene, folder: string) {
    this.#scene = scene;
    this.#folder = folder;
    this.#path = join(folder, 'repository');
  }

  get path(): string {
    return this.#path;
  }

  /** The one that opened the repository in the end. */
  get password(): string {
    return this.#password;
  }

  async run(file: HarmedFile, harm: Harm): Promise<Trial> {
    copyRepository(this.#scene, this.#path, file.kind === 'lock');
    harmFile(this.#path, file, harm);
    const check = found(await this.#check(false));
    const checked = await this.#check(true);
    await this.#repair(file, checked);
    const last = await this.#check(true);
    await this.#noteRecords();
    const lost = [...this.#lost].sort();
    const afterwards = last.isClean ? 'no errors' : found(last);
    return { harm, file, check, checkData: found(checked), repair: this.#steps, saved: this.#saved, lost, afterwards };
  }

  async #repair(file: HarmedFile, checked: Checked): Promise<void> {
    // Nobody but its owner misses a snapshot that is gone.
    if (file.kind === 'snapshot' && checked.messages.length === 0) return void (await this.#step('recover'));
    if (checked.messages.length === 0) return;
    if (file.kind === 'lock') return void (await this.#step('unlock --remove-all'));
    if (checked.report === undefined) return await this.#openAgain(file);
    await this.#repairContents(checked.report);
  }

  async #repairContents({ brokenPacks, brokenSnapshots, errors }: CheckReport): Promise<void> {
    for (const { kind, message } of errors) if (kind === 'key') await this.#step('key remove', /[0-9a-f]{64}/u.exec(message)?.[0] ?? '');
    // Packs before the index: what the index says of a damaged pack is needed to save what is whole in it.
    const stored = brokenPacks.filter((id) => exists(join(this.#path, 'data', id.slice(0, 2), id)));
    if (stored.length > 0) await this.#step('repair packs', ...stored);
    const second = await this.#check(true);
    if (second.report?.suggestRepairIndex === true || (hasLosses(second) && stored.length === 0)) await this.#step('repair index');
    if (brokenSnapshots.length > 0 || (hasLosses(await this.#check(true)) && (await this.#hasLostRoots()))) await this.#step('recover');
    if (brokenSnapshots.length > 0) await this.#step('repair snapshots --forget', ...brokenSnapshots);
    if (hasLosses(await this.#check(true))) await this.#step('repair snapshots --forget');
  }

  /** What is left of such snapshots is found only as long as they are not removed, and others not repaired. */
  async #hasLostRoots(): Promise<boolean> {
    const planned = await this.#do('repair', 'snapshots', '--dry-run');
    return planned.lines.some((line) => line['message_type'] === 'snapshot_unrepairable');
  }

  /** Without a config, or the key of the password that is used. */
  async #openAgain(file: HarmedFile): Promise<void> {
    if (file.kind !== 'key') return this.#copyBack(file);
    this.#password = otherPassword;
    this.#steps.push('use another password');
    const { report } = await this.#check(false);
    if (report === undefined) this.#copyBack(file);
    else await this.#repairContents(report);
  }

  #copyBack({ path, other }: HarmedFile): void {
    if (!this.#steps.includes(copiedBack)) this.#steps.push(copiedBack);
    for (const name of [path, other]) restoreFile(this.#scene, this.#path, name);
  }

  async #step(command: string, ...args: readonly string[]): Promise<HoldfastRun> {
    this.#steps.push(command);
    const result = await this.#do(...command.split(' '), ...args);
    for (const line of result.lines) this.#note(command, line);
    if (result.code !== 0) this.#lost.add(`(${command} ended with ${result.code}: ${plain(result.stderr)})`);
    return result;
  }

  #note(command: string, line: JsonLine): void {
    const number = (name: string): number => Number(line[name] ?? 0);
    const type = line['message_type'];
    if (type === 'pack_repaired') this.#saved.push(`${number('blobs_total') - number('blobs_lost')} of ${number('blobs_total')} blobs`);
    if (command === 'repair index' && type === 'summary') this.#saved.push(`${number('packs')} packs in the index`);
    if (command === 'recover' && type === 'summary') this.#noteRecovered((line['roots'] as unknown[]).length);
    if (!command.startsWith('repair snapshots') || type !== 'loss' || line['kind'] === 'size') return;
    this.#lost.add(`${this.#nameOf(String(line['snapshot']))}: ${line['kind'] === 'root' ? 'all' : this.#pathOf(String(line['path']))}`);
  }

  #noteRecovered(folders: number): void {
    if (folders > 0) this.#saved.push(`${folders} folder${folders === 1 ? '' : 's'} recovered`);
  }

  #nameOf(id: string): string {
    const number = this.#scene.snapshots.indexOf(id) + 1;
    return number === 0 ? 'recovered' : `snapshot ${number}`;
  }

  /** A recovered folder is named by its id. */
  #pathOf(path: string): string {
    return path.replace(/^\/[0-9a-f]{8}\b/u, '/ID');
  }

  /** Of which snapshots there is neither the record nor one that took its place. */
  async #noteRecords(): Promise<void> {
    await using repository = await Repository.open(new LocalBackend({ path: this.#path }), { password: this.#password });
    const present = await repository.snapshots.list();
    const known = new Set<string>(present.flatMap(({ id, original }) => [id, original ?? id]));
    for (const id of this.#scene.snapshots) if (!known.has(id)) this.#lost.add(`${this.#nameOf(id)}: its record`);
  }

  async #do(...args: readonly string[]): Promise<HoldfastRun> {
    return await runHoldfast(this.#path, args, { cwd: this.#folder, env: { HOLDFAST_PASSWORD: this.#password } });
  }

  async #check(readData: boolean): Promise<Checked> {
    try {
      await using repository = await Repository.open(new LocalBackend({ path: this.#path }), { password: this.#password });
      await using _lock = await repository.lock({ isExclusive: false });
      const report = await checkRepository(repository, { readData, workerCount: 1 });
      const messages = [...report.errors, ...report.warnings].map(({ message }) => message);
      return { messages, isClean: report.errorCount === 0, report };
    } catch (error) {
      return { messages: [asHoldfastError(error).message], isClean: false };
    }
  }
}

function found({ messages, report }: Checked): string {
  const notes = (report?.hints ?? []).map(({ message }) => `note: ${message}`);
  const times = new Map<string, number>();
  for (const message of [...messages, ...notes].map(plain)) times.set(message, (times.get(message) ?? 0) + 1);
  const texts = [...times].map(([message, count]) => (count === 1 ? message : `${message} (${count} times)`)).sort();
  return texts.length === 0 ? 'nothing' : texts.join('; ');
}

/** A snapshot needs what the index does not have, or what cannot be read. */
function hasLosses({ report }: Checked): boolean {
  return report?.errors.some(({ kind }) => kind === 'node' || kind === 'tree') === true;
}

/** The same for every run: without ids, numbers of bytes, and places of the test. */
function plain(message: string): string {
  return message
    .replaceAll(/\/\S*\/repository/gu, '/srv/repo')
    .replaceAll(/data\/[0-9a-f]{2}\/[0-9a-f]{64}/gu, 'data/ID')
    .replaceAll(/\b[0-9a-f]{64}\b/gu, 'ID')
    .replaceAll(/\b[0-9a-f]{8}\b/gu, 'ID')
    .replaceAll(/(?<!SHA-)\b\d{3,}\b/gu, 'N')
    .replaceAll(/\b\d+ bytes/gu, 'N bytes');
}

function harmFile(repository: string, file: HarmedFile, harm: Harm): void {
  const path = join(repository, file.path);
  const bytes = readFileSync(path);
  if (harm === 'deleted') rmSync(path);
  else if (harm === 'truncated') overwrite(path, bytes.subarray(0, file.cutAt));
  else if (harm === 'bit-flipped') overwrite(path, flipped(bytes, file.flipAt));
  else if (harm === 'emptied') overwrite(path, Buffer.alloc(0));
  else if (harm === 'duplicated') overwrite(join(path, '..', duplicateName(file)), bytes);
  else {
    const other = join(repository, file.other);
    overwrite(path, readFileSync(other));
    overwrite(other, bytes);
  }
}

function flipped(bytes: Buffer, at: number): Buffer {
  const changed = Buffer.from(bytes);
  changed[at] = (changed[at] ?? 0) ^ 4;
  return changed;
}

/** The same bytes under another name that a file of the kind may have. */
function duplicateName({ kind, path }: HarmedFile): string {
  if (kind === 'config') return 'config.old';
  const name = path.split('/').at(-1) ?? '';
  return `${name.slice(0, 2)}${'0'.repeat(62)}`;
}

function restoreFile({ repository }: DamageScene, path: string, name: string): void {
  rmSync(join(path, name), { force: true });
  copyFileSync(join(repository, name), join(path, name));
}

function overwrite(path: string, bytes: Uint8Array): void {
  if (exists(path)) chmodSync(path, 0o600);
  writeFileSync(path, bytes);
}

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}
