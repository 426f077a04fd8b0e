/** What a server tells of the place of a repository, for `preflight`: its room, and its clock by the time of a file that is written. */
import type { Clock } from '../../base/clock.ts';
import type { CallOptions } from '../backend.ts';
import type { ClockOptions, ClockReading, StorageInspection, StorageSpace } from '../inspection.ts';
import type { UseOptions } from './channel-pool.ts';
import type { SftpChannel } from './sftp-channel.ts';
import type { TemporaryFiles } from './temporary-files.ts';

/** The protocol tells times in whole seconds. */
const coarsenessMs = 1_000;

type Use = <T>(what: string, options: UseOptions, work: (channel: SftpChannel) => Promise<T>) => Promise<T>;

export interface InspectionParts {
  readonly root: string;
  readonly temporary: TemporaryFiles;
  readonly folderMode: number;
  readonly clock: Clock;
  readonly use: Use;
}

export class SftpInspection implements StorageInspection {
  readonly #parts: InspectionParts;

  constructor(parts: InspectionParts) {
    this.#parts = parts;
  }

  async space({ signal }: CallOptions = {}): Promise<StorageSpace | undefined> {
    const { use, root } = this.#parts;
    return await use('asking for the room', { signal }, async (channel) => (channel.has('statvfs') ? await channel.room(root) : undefined));
  }

  async clock({ signal, mayWrite }: ClockOptions): Promise<ClockReading | undefined> {
    if (!mayWrite) return undefined;
    const { use, temporary, folderMode } = this.#parts;
    return await use('asking for the time', { signal }, async (channel) => {
      await temporary.prepare(channel, folderMode);
      const before = this.#nowMs();
      const seconds = await temporary.serverSeconds(channel);
      const after = this.#nowMs();
      // Cut to the second: on average it was half a second later.
      const aheadMs = seconds * 1000 + coarsenessMs / 2 - (before + after) / 2;
      return { aheadMs, toleranceMs: coarsenessMs + (after - before) / 2 };
    });
  }

  #nowMs(): number {
    return Number(this.#parts.clock.nowNs() / 1_000_000n);
  }
}
