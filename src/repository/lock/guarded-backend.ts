/**
 * The backend of an open repository: changes nothing once a lock of this process is lost.
 *
 * A process may be stopped for hours at any instant (a container that is paused, a laptop that sleeps), and others may have taken its
 * lock away and worked meanwhile. So each change waits until its locks are proved to be held. What remains is the call that was
 * under way in the very instant of the stop:
 * - A pack that comes late is in no index, and hurts nobody.
 * - An index or a snapshot that comes late could name what was removed meanwhile, so the lock is proved once more behind it,
 *   and the file is taken back when the lock is gone. Nobody can have relied on it for longer than that takes.
 * - A removal that comes late cannot be taken back: at most one for each call that was under way.
 */
import type { AdoptOptions, CallOptions, SaveOptions, StoredFile } from '../../storage/backend.ts';
import { ForwardingBackend } from '../../storage/forwarding-backend.ts';
import type { Lock } from './lock.ts';

export class GuardedBackend extends ForwardingBackend {
  readonly #locks = new Set<Lock>();

  /** From now on until it is released every change needs this lock. */
  watch(lock: Lock): void {
    this.#locks.add(lock);
  }

  override async save(file: StoredFile, bytes: Uint8Array, options?: SaveOptions): Promise<void> {
    await this.#assertHeld(file);
    await this.inner.save(file, bytes, options);
    if (isReliedOn(file)) await this.#takeBackUnlessHeld(file);
  }

  override async adopt(file: StoredFile, stagedPath: string, options?: AdoptOptions): Promise<void> {
    await this.#assertHeld(file);
    await this.inner.adopt(file, stagedPath, options);
    if (isReliedOn(file)) await this.#takeBackUnlessHeld(file);
  }

  override async remove(file: StoredFile, options?: CallOptions): Promise<void> {
    await this.#assertHeld(file, false);
    await this.inner.remove(file, options);
  }

  async #assertHeld(file: StoredFile, mustProve = isReliedOn(file)): Promise<void> {
    // Locks are written and removed to get hold of them: they need none.
    if (file.kind === 'lock') return;
    for (const lock of this.#locks) {
      if (lock.isReleased) this.#locks.delete(lock);
      else await (mustProve ? lock.prove() : lock.assertHeld());
    }
  }

  async #takeBackUnlessHeld(file: StoredFile): Promise<void> {
    try {
      await this.#assertHeld(file);
    } catch (error) {
      const isLost = [...this.#locks].some((lock) => lock.lost.aborted);
      if (isLost) await this.inner.remove(file).catch(() => {});
      throw error;
    }
  }
}

/**
 * Others build on these as soon as they are there, and there are few of them: the lock file is looked at each time. Somebody may have
 * removed it while this process never paused: with `unlock --remove-all`, or by a clock that is half an hour ahead of this one.
 */
function isReliedOn({ kind }: StoredFile): boolean {
  return kind === 'index' || kind === 'snapshot';
}
