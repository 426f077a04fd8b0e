/** A tree that changes from day to day: files are changed, removed and added, small ones of all kinds and spans of large ones. */
import { closeSync, openSync, rmSync, utimesSync, writeFileSync, writeSync } from 'node:fs';
import { dirname, extname, join } from 'node:path';
import { Contents } from '../contents.ts';
import { writeLargeFiles } from '../large-files.ts';
import { incompressibleBytes, randomNumbers } from '../random.ts';
import { type PlannedFile, planSmallFiles, writeSmallFiles } from '../small-files.ts';

const seed = 20_270_101;
const smallFileCount = 40_000;
const largeFileCount = 24;
const largeFileBytes = 32 * 1024 * 1024;

// With these a step stores some 35 MB at full scale, and 60 snapshots some 3 GB: packs hold what was changed soon beside what stays.
const changedShare = 0.01;
const removedShare = 0.005;
const addedShare = 0.0075;
const spansPerStep = 5;
const spanBytes = 4 * 1024 * 1024;
const stepsPerLargeFile = 6;

const firstStepSeconds = Date.UTC(2025, 6) / 1000;
const daySeconds = 86_400;

type SmallFile = Omit<PlannedFile, 'kind'> & { readonly kind: Exclude<PlannedFile['kind'], 'link'> };

export class ChangingTree {
  readonly fileCount: number;
  readonly #root: string;
  readonly #scale: number;
  readonly #contents = new Contents(seed);
  readonly #next = randomNumbers(seed);
  readonly #largeBytes: number;
  readonly #large: string[];
  #small: SmallFile[] = [];
  #step = 0;
  #nextSeed = 1_000_000;

  /** @param root a folder that is not there yet */
  constructor(root: string, scale: number) {
    this.#root = root;
    this.#scale = scale;
    this.#largeBytes = Math.round(largeFileBytes * Math.min(1, largeFileCount * scale));
    const largeCount = this.#amount(largeFileCount);
    this.#large = Array.from({ length: largeCount }, (_, index) => join(root, 'large', `${index}.bin`));
    this.fileCount = this.#amount(smallFileCount) + largeCount;
  }

  create(): void {
    const plan = planSmallFiles(this.#amount(smallFileCount));
    writeSmallFiles(join(this.#root, 'small'), plan);
    this.#small = plan.files.filter(isNoLink);
    writeLargeFiles(
      join(this.#root, 'large'),
      this.#large.map(() => this.#largeBytes),
    );
  }

  /** The next day. */
  change(): void {
    this.#step += 1;
    const { length } = this.#small;
    for (let count = this.#amount(length * changedShare, 1); count > 0; count--) this.#changeOne();
    for (let count = this.#amount(length * removedShare, 1); count > 0; count--) this.#removeOne();
    for (let count = this.#amount(length * addedShare, 1); count > 0; count--) this.#addOne();
    for (let span = this.#due(spansPerStep); span > 0; span--) this.#changeSpan(`${this.#step} ${span}`);
    if (this.#due(1 / stepsPerLargeFile) > 0) this.#replaceLarge();
  }

  /** At full scale so many; at least one. */
  #amount(count: number, scale = this.#scale): number {
    return Math.max(1, Math.round(count * scale));
  }

  /** What falls to this step of so many in each at full scale; with less data it is not the turn of each step. */
  #due(perStep: number): number {
    const until = (step: number) => Math.floor(step * perStep * this.#scale);
    return until(this.#step) - until(this.#step - 1);
  }

  #position(length: number): number {
    return Math.floor(this.#next() * length);
  }

  #changeOne(): void {
    const position = this.#position(this.#small.length);
    const file = this.#small[position];
    if (file === undefined) return;
    const changed = { ...file, sizeBytes: Math.ceil(file.sizeBytes * (0.8 + this.#next() / 2)), seed: this.#nextSeed++ };
    this.#small[position] = changed;
    this.#write(changed);
  }

  #removeOne(): void {
    const position = this.#position(this.#small.length);
    const [file] = this.#small.splice(position, 1);
    if (file !== undefined) rmSync(join(this.#root, 'small', file.path));
  }

  /** Of the kind and size of one that is there, beside it. */
  #addOne(): void {
    const model = this.#small[this.#position(this.#small.length)];
    if (model === undefined) return;
    const added = {
      ...model,
      path: join(dirname(model.path), `added-${this.#nextSeed}${extname(model.path)}`),
      seed: this.#nextSeed++,
    };
    this.#small.push(added);
    this.#write(added);
  }

  #write({ path, kind, sizeBytes, seed }: SmallFile): void {
    const place = join(this.#root, 'small', path);
    writeFileSync(place, this.#contents.make(kind, sizeBytes, seed));
    utimesSync(place, this.#modifiedSeconds, this.#modifiedSeconds);
  }

  #changeSpan(label: string): void {
    const path = this.#large[this.#position(this.#large.length)];
    if (path === undefined) return;
    const length = Math.min(spanBytes, Math.ceil(this.#largeBytes / 8));
    const file = openSync(path, 'r+');
    try {
      const bytes = incompressibleBytes(`span ${label}`)(length);
      const start = this.#position(this.#largeBytes - length);
      for (let done = 0; done < length; ) done += writeSync(file, bytes, done, length - done, start + done);
    } finally {
      closeSync(file);
    }
    utimesSync(path, this.#modifiedSeconds, this.#modifiedSeconds);
  }

  #replaceLarge(): void {
    const position = this.#position(this.#large.length);
    const old = this.#large[position];
    const path = join(this.#root, 'large', `of-step-${this.#step}.bin`);
    if (old !== undefined) rmSync(old);
    writeFileSync(path, incompressibleBytes(`large ${this.#step}`)(this.#largeBytes));
    utimesSync(path, this.#modifiedSeconds, this.#modifiedSeconds);
    this.#large[position] = path;
  }

  get #modifiedSeconds(): number {
    return firstStepSeconds + this.#step * daySeconds;
  }
}

function isNoLink(file: PlannedFile): file is SmallFile {
  return file.kind !== 'link';
}
