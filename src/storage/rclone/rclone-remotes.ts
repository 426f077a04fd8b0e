/** The remotes of a configuration of rclone, and when the access of one ends. */
import type { TokenState } from '../inspection.ts';

/** Settings of a remote by name. They hold secrets: nothing of them goes further than the two times. */
export type RcloneRemotes = ReadonlyMap<string, Readonly<Record<string, string>>>;

type Variables = Readonly<Record<string, string | undefined>>;

/** Remotes may stand behind others (crypt, alias, chunker…); longer chains are circles. */
const maxChain = 10;
const dayMs = 86_400_000;
const hourMs = 3_600_000;

/**
 * After how many days without use a service forgets what it gave for renewing: developer.box.com "Token lifetimes" (60 days),
 * Microsoft "Refresh tokens in the identity platform" (90 days), Google "Using OAuth 2.0: refresh token expiration" (six months).
 */
const forgettingDays: Readonly<Record<string, number>> = { box: 60, onedrive: 90, drive: 180 };

/** @param dump what `rclone config dump` prints */
export function parseRemotes(dump: Readonly<Record<string, unknown>>): RcloneRemotes {
  const remotes = new Map<string, Readonly<Record<string, string>>>();
  for (const [name, settings] of Object.entries(dump)) {
    if (typeof settings !== 'object' || settings === null) continue;
    const texts = Object.entries(settings).filter((entry): entry is [string, string] => typeof entry[1] === 'string');
    remotes.set(name, Object.fromEntries(texts));
  }
  return remotes;
}

/** The name of the remote in `name:path` or `name,option=value:path`; undefined for one that is described in place, and for a path. */
export function remoteName(remote: string): string | undefined {
  return /^([^:,/]+)[:,]/.exec(remote)?.[1];
}

/** @param remote `name:path`. Undefined where the access needs no renewal, or nothing is known of it. */
export function tokenOf(remotes: RcloneRemotes, remote: string, variables: Variables): TokenState | undefined {
  let name = remoteName(remote);
  for (let step = 0; step < maxChain && name !== undefined; step++) {
    const setting = settingOf(remotes, name, variables);
    const token = setting('token');
    if (token !== undefined) return stateOf(name, setting('type') ?? 'its service', token, setting('client_credentials') === 'true');
    const behind = setting('remote') ?? setting('upstreams')?.split(' ')[0];
    name = behind === undefined ? undefined : remoteName(behind);
  }
  return undefined;
}

/** Variables win, as for rclone: RCLONE_CONFIG_MYREMOTE_TOKEN. */
function settingOf(remotes: RcloneRemotes, name: string, variables: Variables): (key: string) => string | undefined {
  const prefix = `RCLONE_CONFIG_${name.toUpperCase().replaceAll('-', '_')}_`;
  return (key) => variables[prefix + key.toUpperCase()] ?? remotes.get(name)?.[key];
}

function stateOf(owner: string, service: string, token: string, hasClientCredentials: boolean): TokenState | undefined {
  const fields = parseToken(token);
  if (fields === undefined) return undefined;
  const { expiresMs, hasRefreshToken } = fields;
  const isRenewable = hasRefreshToken || hasClientCredentials;
  const days = forgettingDays[service];
  // A token lasts for about an hour from its renewal, which was the last use.
  const forgottenMs = expiresMs === undefined || days === undefined || !isRenewable ? undefined : expiresMs - hourMs + days * dayMs;
  return {
    owner,
    service,
    isRenewable,
    ...(expiresMs === undefined ? {} : { expiresMs }),
    ...(forgottenMs === undefined ? {} : { forgottenMs }),
  };
}

function parseToken(text: string): { readonly expiresMs: number | undefined; readonly hasRefreshToken: boolean } | undefined {
  try {
    const token: unknown = JSON.parse(text);
    if (typeof token !== 'object' || token === null) return undefined;
    const { expiry, refresh_token: refreshToken } = token as { expiry?: unknown; refresh_token?: unknown };
    const expiresMs = typeof expiry === 'string' ? Date.parse(expiry) : Number.NaN;
    // The year 1 is Go's way of saying never.
    return {
      expiresMs: Number.isNaN(expiresMs) || expiresMs <= 0 ? undefined : expiresMs,
      hasRefreshToken: typeof refreshToken === 'string' && refreshToken !== '',
    };
  } catch {
    return undefined;
  }
}
