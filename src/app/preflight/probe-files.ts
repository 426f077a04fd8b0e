/**
 * The files that a preflight writes, and takes away again.
 *
 * Other programs may be at work on the repository, so that a file of ours must mean nothing to them, even if this process is killed and
 * the file stays:
 * - In a repository it is a **pack** that no index names. Nobody reads such a pack: a backup does not look at it, `check` mentions it, the next
 *   `prune` removes it. An index, a snapshot, a key or a lock that cannot be decrypted would be met, and complained of, by every command.
 * - Where nothing but locks may be removed, it is an **empty lock**: restic and Holdfast pass over those, because uploads that break off
 *   leave them behind on some storages.
 * - Where there is no repository it is a **key**, which `init` clears away (where only locks may be removed, a lock): a pack would look
 *   to `init` like a repository that lost its config.
 *
 * The content is random and the name is its SHA-256, which servers verify: so no other file can have that name.
 */
import { createHash } from 'node:crypto';
import type { Randomness } from '../../base/clock.ts';
import { asHoldfastError, type HoldfastError } from '../../base/errors.ts';
import type { Backend, FileKind, StoredFile } from '../../storage/backend.ts';

export interface Probe {
  readonly file: StoredFile;
  readonly bytes: Buffer;
}

/** Long enough for a slow server; a preflight that was stopped does not hang for ever. */
const cleanupMs = 30_000;

export class ProbeFiles {
  readonly #backend: Backend;
  readonly #random: Randomness;
  /** Those that may be there. */
  readonly #written = new Map<string, StoredFile>();

  constructor(backend: Backend, random: Randomness) {
    this.#backend = backend;
    this.#random = random;
  }

  make(kind: FileKind, sizeBytes: number): Probe {
    const bytes = Buffer.allocUnsafeSlow(sizeBytes);
    this.#random.fill(bytes);
    return { file: { kind, name: createHash('sha256').update(bytes).digest('hex') }, bytes };
  }

  /** A name under which nothing is stored. */
  makeName(kind: FileKind): StoredFile {
    return this.make(kind, 32).file;
  }

  /** Noted before it is written: whatever comes in between, it is taken away again. */
  async write({ file, bytes }: Probe, signal: AbortSignal | undefined): Promise<void> {
    this.#written.set(file.name, file);
    await this.#backend.save(file, bytes, { signal });
  }

  async remove(file: StoredFile, signal: AbortSignal | undefined): Promise<void> {
    await this.#backend.remove(file, { signal });
    this.#written.delete(file.name);
  }

  /** However the preflight ended. @returns what could not be taken away, and why */
  async removeAll(): Promise<{ readonly file: StoredFile; readonly error: HoldfastError }[]> {
    const left: { file: StoredFile; error: HoldfastError }[] = [];
    const files = Array.from(this.#written.values());
    for (const file of files) {
      try {
        await this.remove(file, AbortSignal.timeout(cleanupMs));
      } catch (error) {
        left.push({ file, error: asHoldfastError(error) });
      }
    }
    return left;
  }
}
