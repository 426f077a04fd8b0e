/** Where packs are written before they are sent to a storage that is far away: on this machine, so that a link that breaks off costs no work. */
import { tmpdir } from 'node:os';
import { systemClock, systemRandomness } from '../base/clock.ts';
import { StagingArea } from '../storage/staging-area.ts';
import type { StorageOptions } from './storage-options.ts';

/** The folder of a working process that is this old and of a process that is not there was left behind: the machine is the same. */
const leftoverAgeMs = 3_600_000;

export function farStaging({ temporaryFolder = tmpdir(), clock = systemClock, random = systemRandomness }: StorageOptions): StagingArea {
  return new StagingArea({ parent: temporaryFolder, makesParent: false, prefix: 'holdfast-staging-', leftoverAgeMs, clock, random });
}
