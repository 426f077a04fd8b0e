/**
 * What is used of ssh2 beyond its documented interface, in one place: what a server told of itself, and the client for SFTP over
 * streams of one's own. The conformance suite, run over a command, fails when a version of ssh2 has it otherwise.
 */
import { createRequire } from 'node:module';
import type { SFTPWrapper } from 'ssh2';

interface SftpInternals {
  readonly _extensions?: Readonly<Record<string, unknown>>;
  readonly _maxReadLen?: number;
  readonly _maxWriteLen?: number;
}

export type Extension = 'posix-rename' | 'fsync' | 'hardlink' | 'statvfs';

export function hasExtension(sftp: SFTPWrapper, name: Extension): boolean {
  const { _extensions = {} } = sftp as unknown as SftpInternals;
  return Object.hasOwn(_extensions, `${name}@openssh.com`);
}

/** How many bytes one request may carry: longer ones ssh2 cuts into parts that wait for each other. */
export function maxRequestBytes(sftp: SFTPWrapper): number | undefined {
  const { _maxReadLen, _maxWriteLen } = sftp as unknown as SftpInternals;
  return _maxReadLen === undefined || _maxWriteLen === undefined ? undefined : Math.min(_maxReadLen, _maxWriteLen);
}

/** An SFTP client over any pair of streams. */
export interface RawSftp extends SFTPWrapper {
  /** What the server sent; null: it sends no more. */
  push(data: Buffer | null): void;
  /** Says hello; `ready` follows. */
  _init(): void;
}

interface RawTransport {
  readonly send: (data: Buffer) => void;
  readonly close: () => void;
}

type RawSftpClass = new (client: object, channel: object, options: object) => RawSftp;

/** Streams have a flow control of their own. */
const endless = Number.MAX_SAFE_INTEGER;

export function rawSftp({ send, close }: RawTransport): RawSftp {
  const { SFTP } = createRequire(import.meta.url)('ssh2/lib/protocol/SFTP.js') as { SFTP: RawSftpClass };
  const protocol = { channelData: (_id: number, data: Buffer) => send(data), channelClose: close };
  const direction = { id: 0, window: endless, packetSize: endless, state: 'open' };
  return new SFTP({ _protocol: protocol }, { type: 'sftp', incoming: { ...direction }, outgoing: { ...direction } }, {});
}
