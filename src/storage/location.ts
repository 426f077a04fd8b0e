/**
 * Where a repository is, as people write it: `/path`, `relative/path`, `local:path`, `file:///path`, `rest:https://host/path/`, or `scheme:…`
 * of restic's other backends, which are refused by name here. A text may hold a password, so no message repeats more than its scheme.
 */
import { fileURLToPath } from 'node:url';
import { HoldfastError } from '../base/errors.ts';

export interface LocalLocation {
  readonly kind: 'local';
  /** As given: may be relative. */
  readonly path: string;
}

export interface RestLocation {
  readonly kind: 'rest';
  /** What follows `rest:`. It may hold a password, and may be no usable address. */
  readonly address: string;
}

export interface S3Location {
  readonly kind: 's3';
  /** What follows `s3:`. It may be no usable address. */
  readonly address: string;
}

export interface SftpLocation {
  readonly kind: 'sftp';
  /** What follows `sftp:`. It may be no usable address. */
  readonly address: string;
}

export interface SshLocation {
  readonly kind: 'ssh';
  /** What follows `ssh:`. It may be no usable address. */
  readonly address: string;
}

export interface RcloneLocation {
  readonly kind: 'rclone';
  /** What follows `rclone:`: `remote:path`, or a remote that is described in place, which may hold secrets. */
  readonly remote: string;
}

export type RepositoryLocation = RcloneLocation | SshLocation | LocalLocation | RestLocation | S3Location | SftpLocation;

/** Schemes that restic 0.19 knows besides `local` and `rest`. */
const otherSchemes = ['azure', 'b2', 'gs', 'swift'];

/** @throws HoldfastError `usage` for what is no location, `unsupported` for a kind of storage that is not built in */
export function parseLocation(text: string): RepositoryLocation {
  if (text.includes('\0')) throw new HoldfastError('usage', 'the location of the repository contains a NUL character');
  const scheme = schemeOf(text);
  if (scheme === 'local') return localLocation(text.slice('local:'.length));
  if (scheme === 'file') return localLocation(pathOfUrl(text));
  if (scheme === 'ssh') return { kind: 'ssh', address: text.slice('ssh:'.length) };
  if (scheme === 'rest') return { kind: 'rest', address: text.slice('rest:'.length) };
  if (scheme === 'sftp') return { kind: 'sftp', address: text.slice('sftp:'.length) };
  if (scheme === 'rclone') return { kind: 'rclone', remote: text.slice('rclone:'.length) };
  if (scheme === 's3') return { kind: 's3', address: text.slice('s3:'.length) };
  if (scheme !== undefined && otherSchemes.includes(scheme)) throw unsupportedScheme(scheme);
  if (scheme !== undefined) throw unknownScheme();
  return localLocation(text);
}

/** The location without what stands between a scheme and `@`: fit for messages, logs and titles. */
export function printableLocation(text: string): string {
  const scheme = schemeOf(text);
  if (scheme === undefined || scheme === 'local' || scheme === 'file') return text;
  // Options of a remote: `rclone:name,option=value:path`.
  if (scheme === 'rclone') return text.replace(/^(rclone::?[^:,]*),.*(?=:)/is, '$1,***');
  return text.replace(/^([a-z0-9]+:(?:(?:[a-z]+:)?\/\/)?)(.*)@/is, '$1***@');
}

/** As in restic, a text with a colon is a path only when it begins like one. */
function schemeOf(text: string): string | undefined {
  if (/^(?:\/|\.\.?\/)/.test(text)) return undefined;
  const colon = text.indexOf(':');
  return colon === -1 ? undefined : text.slice(0, colon).toLowerCase();
}

function localLocation(path: string): LocalLocation {
  if (path !== '') return { kind: 'local', path };
  throw new HoldfastError('usage', 'the location of the repository is empty', { hint: 'Name the folder that holds the repository.' });
}

function pathOfUrl(text: string): string {
  try {
    return fileURLToPath(text);
  } catch (cause) {
    throw new HoldfastError('usage', 'the location of the repository is not a usable file URL', {
      hint: 'Write it as file:///absolute/path, or as a plain path.',
      cause,
    });
  }
}

function unsupportedScheme(scheme: string): HoldfastError {
  return new HoldfastError('unsupported', `repositories behind ${scheme}: are not supported by this version`, {
    hint: 'Keep the repository in a local folder, or mount the remote place and give the path of the mount.',
    context: { scheme },
  });
}

function unknownScheme(): HoldfastError {
  return new HoldfastError('usage', 'the location of the repository begins with an unknown kind of storage', {
    hint: 'Put local: before it if it is a folder whose name contains a colon.',
  });
}
