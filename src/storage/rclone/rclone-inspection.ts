/** What rclone knows of a remote beyond its files: the room there, and when the access ends. */
import { execFile } from 'node:child_process';
import { cancellationOf } from '../../base/cancellation.ts';
import { HoldfastError } from '../../base/errors.ts';
import type { CallOptions } from '../backend.ts';
import type { StorageInspection, StorageSpace, TokenState } from '../inspection.ts';
import { parseRemotes, tokenOf } from './rclone-remotes.ts';

export interface RcloneCommand {
  readonly program: readonly [string, ...string[]];
  /** What says which configuration counts. */
  readonly configArgs: readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

/** A remote that does not answer is no reason to wait for minutes: this is only asked for information. */
const askMs = 30_000;
const maxOutputBytes = 16 << 20;

export class RcloneInspection implements StorageInspection {
  readonly #command: RcloneCommand;
  readonly #remote: string;

  /** @param remote `name:path` */
  constructor(command: RcloneCommand, remote: string) {
    this.#command = command;
    this.#remote = remote;
  }

  /** Undefined for remotes that do not tell. */
  async space(options: CallOptions = {}): Promise<StorageSpace | undefined> {
    const about = parseObject(await this.#run(['about', '--json', this.#remote], options).catch(unlessCancelled));
    const { total: totalBytes, used: usedBytes, free: freeBytes } = about;
    const known = Object.entries({ totalBytes, usedBytes, freeBytes }).filter(([, value]) => typeof value === 'number');
    return known.length === 0 ? undefined : (Object.fromEntries(known) as StorageSpace);
  }

  /** Undefined where the access of the remote needs no renewal. @throws HoldfastError where the configuration cannot be read */
  async token(options: CallOptions = {}): Promise<TokenState | undefined> {
    const output = await this.#run(['config', 'dump'], options);
    return tokenOf(parseRemotes(parseObject(output)), this.#remote, this.#command.env);
  }

  async #run(words: readonly string[], { signal }: CallOptions): Promise<string> {
    const { program, configArgs, env } = this.#command;
    const [command, ...first] = program;
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const settings = { env, timeout: askMs, maxBuffer: maxOutputBytes, ...(signal === undefined ? {} : { signal }) };
    const child = execFile(command, [...first, ...words, ...configArgs], settings, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else if (signal?.aborted === true) reject(cancellationOf(signal));
      else reject(failure(words[0] ?? '', stderr));
    });
    child.stdin?.end();
    return await promise;
  }
}

/** Only the last line: what rclone explains stands there. */
function failure(word: string, stderr: string): HoldfastError {
  const said = stderr.trim().split('\n').at(-1) ?? '';
  return new HoldfastError('storage-failed', `rclone ${word} failed${said === '' ? '' : `: ${said.slice(0, 300)}`}`);
}

function unlessCancelled(error: unknown): string {
  if (error instanceof HoldfastError && error.code === 'cancelled') throw error;
  return '{}';
}

function parseObject(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}
