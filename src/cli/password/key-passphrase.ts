/** The passphrase of a key for SSH: from a command, a file or a variable, as a repository's password is; else a person at a terminal is asked. */
import type { CommandContext } from '../commands/command.ts';
import { passwordFromCommand, passwordFromFile } from './password.ts';
import { askPassword } from './prompt.ts';

const variables = ['SFTP_PASSPHRASE_COMMAND', 'SFTP_PASSPHRASE_FILE', 'SFTP_PASSPHRASE'] as const;

/** Undefined where none is configured and nobody is at a terminal. */
export async function readKeyPassphrase(context: CommandContext, path: string): Promise<string | undefined> {
  const found = variables.map((name) => context.environment.find(name)).find((variable) => variable !== undefined);
  if (found === undefined) return await ask(context, path);
  if (found.name.endsWith('_COMMAND')) return await passwordFromCommand(found.value, context.signal, 'passphrase command');
  return found.name.endsWith('_FILE') ? await passwordFromFile(found.value, found.name) : found.value;
}

async function ask({ stdin, signal }: CommandContext, path: string): Promise<string | undefined> {
  if (!stdin.isTTY) return undefined;
  return await askPassword(`enter passphrase for the key ${path}: `, { stdin, stderr: process.stderr }, signal);
}
