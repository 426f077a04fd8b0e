/**
 * Which snapshots went to a fallback repository and are still to be copied into the first one. One small file for each, so that processes
 * that add and remove do not meet: `<state>/fallback/<pair of repositories>/<snapshot>`.
 */
import { createHash } from 'node:crypto';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { asHoldfastError } from '../base/errors.ts';
import { isId, type SnapshotId } from '../base/ids.ts';
import { parseLocation, printableLocation } from '../storage/location.ts';

const folderMode = 0o700;
const fileMode = 0o600;

export class OwedSnapshots {
  readonly #folder: string;

  /** @param first, fallback locations as people wrote them; passwords in them make no difference */
  constructor(statePlace: string, first: string, fallback: string) {
    const pair = createHash('sha256').update(JSON.stringify([identity(first), identity(fallback)]));
    this.#folder = join(statePlace, 'fallback', pair.digest('hex').slice(0, 32));
  }

  /** @throws HoldfastError when it cannot be remembered */
  async add(id: SnapshotId): Promise<void> {
    try {
      await mkdir(this.#folder, { recursive: true, mode: folderMode });
      await writeFile(join(this.#folder, id), '', { mode: fileMode, flush: true });
    } catch (error) {
      throw asHoldfastError(error);
    }
  }

  async list(): Promise<SnapshotId[]> {
    const names = await readdir(this.#folder).catch(() => []);
    return names.filter(isId) as SnapshotId[];
  }

  async remove(id: SnapshotId): Promise<void> {
    await rm(join(this.#folder, id), { force: true });
  }
}

/** The same place in other words is another pair: then nothing is copied by itself, and nothing wrong either. */
function identity(location: string): string {
  const parsed = parseLocation(location);
  return parsed.kind === 'local' ? resolve(parsed.path) : printableLocation(location);
}
