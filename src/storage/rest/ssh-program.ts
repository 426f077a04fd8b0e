/**
 * A repository server behind OpenSSH: `ssh:user@host:port/path`. The system's `ssh` is started, with all that the user's configuration says
 * about the host, and on the other side `holdfast serve --stdio`. Where a forced command is set for the key there, that is what runs,
 * whatever is asked for here.
 */
import { HoldfastError } from '../../base/errors.ts';
import { asReason, type EndMeaning, type ProgramEnd, type ProgramSpec } from '../stdio-program.ts';

export interface SshAddress {
  readonly user: string | undefined;
  readonly host: string;
  readonly port: string | undefined;
  /** Begins and ends with a slash: below what the other side serves. */
  readonly path: string;
  /** The path counts from the root of the other machine, and not from the folder that is served there, usually the user's own. */
  readonly isAbsolute: boolean;
  /** For people. */
  readonly printable: string;
}

export interface SshSettings {
  /** Put before the host: `-i key` and the like. */
  readonly extraArgs?: readonly string[];
  /** What is started on the other side, as a shell there takes it. */
  readonly remoteCommand?: string | undefined;
}

const usage = 'Write it as ssh:user@host, ssh:user@host:2222/path in the folder served there, or ssh:user@host//path from the root.';
const usualCommand = 'holdfast serve --stdio';

/** @param text what follows `ssh:`. @throws HoldfastError `usage` */
export function parseSshAddress(text: string): SshAddress {
  const [, user, bracketed, plain, port, path = ''] =
    /^(?:\/\/)?(?:([^@/]+)@)?(?:\[([0-9a-fA-F:.%]+)\]|([^:/@[\]]+))(?::(\d{1,5}))?(\/.*)?$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  // What begins with - would be an option of ssh; a password is nothing that ssh takes.
  const isUsable =
    host !== undefined && ![host, user ?? ''].some((word) => word.startsWith('-') || /[\s\p{Cc}:]/u.test(bracketed ? '' : word));
  if (!isUsable || host === undefined) throw unusable();
  const isAbsolute = path.startsWith('//');
  const names = path.split('/').filter((name) => name !== '');
  if (names.some((name) => name === '.' || name === '..')) throw unusable();
  const encoded = names.map((name) => `${encodeURIComponent(name)}/`).join('');
  const place = `${user === undefined ? '' : `${user}@`}${bracketed === undefined ? host : `[${host}]`}${port === undefined ? '' : `:${port}`}`;
  return { user, host, port, path: `/${encoded}`, isAbsolute, printable: `ssh:${place}${path}` };
}

export function sshProgram({ user, host, port, isAbsolute }: SshAddress, { extraArgs = [], remoteCommand }: SshSettings): ProgramSpec {
  const command = remoteCommand ?? (isAbsolute ? `${usualCommand} --path /` : usualCommand);
  return {
    name: 'ssh',
    command: 'ssh',
    args: [
      // No terminal, no character that steers, and nothing else over the connection: only the two streams.
      '-T',
      '-xa',
      '-e',
      'none',
      '-o',
      'ClearAllForwardings=yes',
      ...(port === undefined ? [] : ['-p', port]),
      ...(user === undefined ? [] : ['-l', user]),
      ...extraArgs,
      '--',
      host,
      command,
    ],
    explainEnd: (end) => explainEnd(host, end),
  };
}

/** ssh's own failures have the exit code 255; any other is that of the program on the other side. */
const sshFailed = 255;
const notFoundThere = 127;

interface Known {
  readonly pattern: RegExp;
  readonly meaning: Omit<EndMeaning, 'fact'> & { readonly fact: string };
}

const knownComplaints: readonly Known[] = [
  {
    pattern: /host key verification failed|remote host identification has changed/i,
    meaning: {
      code: 'storage-denied',
      fact: 'the key of the host is not the one that is known',
      hint: 'Compare the key with whoever runs the host, and note it with: ssh-keyscan HOST >> ~/.ssh/known_hosts.',
    },
  },
  {
    pattern: /permission denied|too many authentication failures|no supported authentication/i,
    meaning: {
      code: 'storage-denied',
      fact: 'the host does not accept the key',
      hint: 'Try the same by hand with: ssh -v USER@HOST. Another key is named with -o ssh.args="-i FILE" or in ~/.ssh/config.',
    },
  },
  {
    pattern: /could not resolve hostname/i,
    meaning: {
      code: 'storage-failed',
      fact: 'the name of the host is not known',
      isUnreachable: true,
      hint: 'Check the name, and ~/.ssh/config.',
    },
  },
];

function explainEnd(host: string, { exitCode, complaint }: ProgramEnd): EndMeaning | undefined {
  if (exitCode === sshFailed) {
    const known = knownComplaints.find(({ pattern }) => pattern.test(complaint));
    if (known !== undefined) return { ...known.meaning, fact: `${host}: ${known.meaning.fact}${asReason(complaint)}` };
    return { code: 'storage-failed', fact: `the connection to ${host} ended${asReason(complaint)}`, isRetryable: true };
  }
  if (exitCode === notFoundThere && !/\bssh: not found|exec: ssh/.test(complaint)) {
    return {
      code: 'unsupported',
      fact: `there is no program holdfast on ${host}${asReason(complaint)}`,
      hint: 'Install Holdfast there, or say where it is with -o ssh.command="/path/to/holdfast serve --stdio".',
    };
  }
  if (exitCode === null || exitCode === 0 || exitCode === notFoundThere) return undefined;
  return { code: 'storage-failed', fact: `holdfast on ${host} ended with exit code ${exitCode}${asReason(complaint)}` };
}

function unusable(): HoldfastError {
  return new HoldfastError('usage', 'the location of the repository is not a usable address for ssh', { hint: usage });
}
