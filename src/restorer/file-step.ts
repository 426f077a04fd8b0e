/** What happens to files before and after their content: names, comparison, preparation, links, verification. */
import { restoreCounter } from '../workers/restore/counters.ts';
import { blobWord, fileFlag, fileWord, type RestorePlan } from '../workers/restore/plan/restore-plan.ts';
import type { LinkCandidate } from '../workers/restore/messages.ts';
import { inGroups } from './in-flight.ts';
import type { RestoreCrew } from './restore-crew.ts';

const filesPerRequest = 128;
const linksPerRequest = 256;
/** What a worker reads for one request, roughly; a larger file is shared out among several. */
const bytesPerRequest = 32 << 20;
const segmentsPerRequest = 256;

/** A file, the first of its blobs, the end of them. */
type Segment = readonly [number, number, number];

export class FileStep {
  readonly #crew: RestoreCrew;
  /** By identity in the source: the first file met. */
  readonly #firstNames = new Map<string, number>();
  /** In turn: the file that becomes a link, the file it is a link to. */
  readonly #links: number[] = [];

  constructor(crew: RestoreCrew) {
    this.#crew = crew;
  }

  /** Of files with several names the first gets the content; the others become links to it. */
  readonly addLinks = (candidates: readonly LinkCandidate[]): void => {
    for (const { file, identity } of candidates) {
      const first = this.#firstNames.get(identity);
      if (first === undefined) this.#firstNames.set(identity, file);
      else {
        this.#links.push(file, first);
        this.#makeLink(file);
      }
    }
  };

  /** Compares files that exist with what they should be, then begins all that need more than one step. */
  async prepare(): Promise<void> {
    await this.#compare('compare', this.#filesWith(fileFlag.compare));
    const unprepared = fileFlag.exists | fileFlag.trusted | fileFlag.linkCandidate;
    await this.#crew.forEach(inGroups(this.#filesWith(unprepared), filesPerRequest), async (files) => {
      await this.#crew.ask('done', { kind: 'prepare', files: Uint32Array.from(files) });
    });
  }

  async makeLinks(): Promise<void> {
    await this.#crew.forEach(inGroups(this.#links, 2 * linksPerRequest), async (pairs) => {
      await this.#crew.ask('done', { kind: 'link', pairs: Uint32Array.from(pairs) });
    });
  }

  /** Reads again what was written. @returns how many files are right */
  async verify(): Promise<number> {
    const files = [...this.#filesWith(fileFlag.written)].filter((file) => !this.#crew.plan.hasFlag(file, fileFlag.failed));
    const different = await this.#compare('verify', files);
    for (const file of different) {
      const message = 'what was written differs from the snapshot';
      this.#crew.failFile(file, {
        code: 'verify-failed',
        message,
        context: {},
        hint: 'Another program may have changed it; else test the disk.',
      });
    }
    return files.length - different.size;
  }

  /** It was counted as a file of its own when it was met. */
  #makeLink(file: number): void {
    const { plan, progress } = this.#crew;
    const before = plan.files.setBits(file, fileWord.flags, fileFlag.link);
    const isTrusted = (before & fileFlag.trusted) !== 0;
    if (isTrusted) progress.main.add(restoreCounter.total, 1);
    else progress.main.add(restoreCounter.totalBytes, -plan.files.getFloat(file, fileWord.sizeBytes));
  }

  *#filesWith(flags: number): Generator<number> {
    const { files } = this.#crew.plan;
    for (let file = 0; file < files.count; file++) {
      const has = files.load(file, fileWord.flags);
      if ((has & flags) !== 0 && (has & fileFlag.link) === 0) yield file;
    }
  }

  async #compare(kind: 'compare' | 'verify', files: Iterable<number>): Promise<Set<number>> {
    const different = new Set<number>();
    await this.#crew.forEach(requestsOf(segmentsOf(this.#crew.plan, files), this.#crew.plan), async (segments) => {
      const answer = await this.#crew.ask('compared', { kind, segments: Uint32Array.from(segments.flat()) });
      for (const file of answer.different) different.add(file);
    });
    return different;
  }
}

function* segmentsOf(plan: RestorePlan, files: Iterable<number>): Generator<Segment> {
  for (const file of files) {
    const first = plan.files.get(file, fileWord.firstBlob);
    const end = first + plan.files.get(file, fileWord.blobCount);
    let from = first;
    for (let row = first + 1; row < end; row++) {
      if (plan.blobs.getFloat(row, blobWord.offset) - plan.blobs.getFloat(from, blobWord.offset) < bytesPerRequest) continue;
      yield [file, from, row];
      from = row;
    }
    yield [file, from, end];
  }
}

/** Groups of segments, of about the same work. */
function* requestsOf(segments: Iterable<Segment>, plan: RestorePlan): Generator<Segment[]> {
  let group: Segment[] = [];
  let bytes = 0;
  for (const segment of segments) {
    group.push(segment);
    bytes += Math.min(bytesPerRequest, plan.files.getFloat(segment[0], fileWord.sizeBytes));
    if (bytes < bytesPerRequest && group.length < segmentsPerRequest) continue;
    yield group;
    group = [];
    bytes = 0;
  }
  if (group.length > 0) yield group;
}
