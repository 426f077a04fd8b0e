/** --one-file-system: what lies on the device of a target is taken, and mount points as empty directories. */
import { lstat } from 'node:fs/promises';
import { cleanPath, type PathText, pathText } from '../patterns/path-text.ts';
import type { DeviceId, DirectoryProbe, SelectableEntry } from './entry.ts';

/**
 * The devices that a backup of these targets stays on, by the absolute path of each target.
 *
 * @param targets as given, relative to `workingDirectory`
 */
export async function targetDevices(targets: readonly Uint8Array[], workingDirectory: string): Promise<Map<string, string>> {
  const devices = new Map<string, string>();
  for (const target of targets) {
    const path = absolutePath(target, workingDirectory);
    const { dev } = await lstat(Buffer.from(path, 'latin1'), { bigint: true });
    devices.set(path, dev.toString());
  }
  return devices;
}

/** Absolute and clean, as patterns and rules want paths. */
export function absolutePath(path: Uint8Array, workingDirectory: string): PathText {
  const text = pathText(path);
  return cleanPath((text.startsWith('/') ? text : `${pathText(workingDirectory)}/${text}`) as PathText);
}

/** Answers for the entries of a walk; remembers the last directory, whose entries come one after the other. */
export class DeviceRule {
  readonly #allowed: ReadonlyMap<string, string>;
  #directory: PathText | undefined;
  #directoryDevice: string | undefined;

  constructor(allowed: ReadonlyMap<string, string>) {
    this.#allowed = allowed;
  }

  /** Whether the entry lies on another device than the nearest target above it, and is no mount point. */
  crosses(path: PathText, entry: SelectableEntry, probe: DirectoryProbe): boolean {
    const directory = parentOf(path);
    const device = this.#allowed.get(path) ?? this.#deviceOf(directory);
    if (isSame(device, entry.deviceId)) return false;
    if (!entry.isDirectory) return true;
    // A directory on which something is mounted belongs to the file system below too: a restore needs it.
    return !isSame(this.#deviceOf(directory), probe.deviceId());
  }

  #deviceOf(directory: PathText): string | undefined {
    if (directory !== this.#directory) {
      this.#directory = directory;
      this.#directoryDevice = nearestDevice(directory, this.#allowed);
    }
    return this.#directoryDevice;
  }
}

function isSame(device: string | undefined, deviceId: DeviceId): boolean {
  return device === deviceId.toString();
}

/** The device of the target that the path is, or lies in. */
function nearestDevice(path: PathText, allowed: ReadonlyMap<string, string>): string | undefined {
  for (let above = path; ; above = parentOf(above)) {
    const device = allowed.get(above);
    if (device !== undefined || above === '/') return device;
  }
}

function parentOf(path: PathText): PathText {
  return (path.slice(0, path.lastIndexOf('/')) || '/') as PathText;
}
