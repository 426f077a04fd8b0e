/** The repositories that a server serves are folders of its machine. */
import type { Backend } from '../storage/backend.ts';
import { LocalBackend } from '../storage/local/local-backend.ts';

export function openServedFolder(path: string): Backend {
  return new LocalBackend({ path });
}
