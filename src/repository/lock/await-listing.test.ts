import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Clock } from '../../base/clock.ts';
import type { FileKind, ListedFile, ListOptions, SaveOptions, StoredFile } from '../../storage/backend.ts';
import { ForwardingBackend } from '../../storage/forwarding-backend.ts';
import { acquireLock } from './acquire-lock.ts';
import { LockSetting, minuteMs } from '../../../test/support/lock-setting.ts';

/** Lists what was stored so long ago. */
class LaggingBackend extends ForwardingBackend {
  readonly #storedMs = new Map<string, number>();
  readonly #clock: Clock;
  readonly #lagMs: number;

  constructor(setting: LockSetting, lagMs: number) {
    super(setting.backend);
    this.#clock = setting.clock;
    this.#lagMs = lagMs;
  }

  override async save(file: StoredFile, bytes: Uint8Array, options?: SaveOptions): Promise<void> {
    await super.save(file, bytes, options);
    this.#storedMs.set(file.name, this.#clock.monotonicMs());
  }

  override async *list(kind: FileKind, options?: ListOptions): AsyncGenerator<ListedFile> {
    const sinceMs = this.#clock.monotonicMs() - this.#lagMs;
    for await (const file of super.list(kind, options))
      if ((this.#storedMs.get(file.name) ?? Number.NEGATIVE_INFINITY) <= sinceMs) yield file;
  }
}

describe('a lock on a storage whose lists lag', () => {
  it('is held when it is listed, if it is exclusive: then all that was stored before is listed, too', async () => {
    const setting = await LockSetting.create();
    const at = setting.placeOn(new LaggingBackend(setting, 20_000));
    let isHeld = false;
    const work = acquireLock(at, { isExclusive: true, events: (event) => setting.events.push(event) }).finally(() => {
      isHeld = true;
    });
    await setting.clock.advance(19_900);
    assert.equal(isHeld, false);
    await setting.clock.advance(20_000);
    const lock = await work;
    setting.assertWarned('does not list yet');
    await lock.release();
  });

  it('that is shared is held at once', async () => {
    const setting = await LockSetting.create();
    const lock = await setting.acquire({ at: setting.placeOn(new LaggingBackend(setting, 20_000)), forMs: 200 });
    await lock.release();
    assert.deepEqual(setting.events, []);
  });

  it('that never appears is refused after a minute, and does not stay', async () => {
    const setting = await LockSetting.create();
    const at = setting.placeOn(new LaggingBackend(setting, 10 * minuteMs));
    await assert.rejects(setting.acquire({ at, isExclusive: true, forMs: 2 * minuteMs }), {
      code: 'storage-failed',
      message: /does not list the lock [0-9a-f]{64}/,
    });
    assert.deepEqual(await setting.lockIds(), []);
  });
});
