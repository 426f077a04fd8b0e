/** Where content goes that is no text: standard output, or a file. */
import { type FileHandle, open } from 'node:fs/promises';
import { asHoldfastError, HoldfastError } from '../base/errors.ts';
import type { CommandContext } from './commands/command.ts';

export interface ContentTarget extends AsyncDisposable {
  /** Undefined for standard output. */
  readonly path: string | undefined;
  readonly bytesWritten: number;
  write(chunk: Uint8Array): Promise<void>;
  /** Everything has arrived when this has resolved. */
  finish(): Promise<void>;
}

/** @throws HoldfastError `usage` when an archive would go to a terminal, or the file cannot be made */
export async function openContentTarget(
  context: CommandContext,
  path: string | undefined,
  { isArchive }: { isArchive: boolean },
): Promise<ContentTarget> {
  if (path !== undefined) return new FileTarget(path, await create(path));
  if (!isArchive || !context.output.isTerminal) return new OutputTarget(context);
  throw new HoldfastError('usage', 'an archive would go to the terminal', { hint: 'Redirect the output, or use --target.' });
}

class OutputTarget implements ContentTarget {
  readonly path = undefined;
  readonly #context: CommandContext;
  bytesWritten = 0;

  constructor(context: CommandContext) {
    this.#context = context;
  }

  async write(chunk: Uint8Array): Promise<void> {
    await this.#context.output.content(chunk);
    this.bytesWritten += chunk.length;
  }

  async finish(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {}
}

class FileTarget implements ContentTarget {
  readonly path: string;
  readonly #handle: FileHandle;
  bytesWritten = 0;

  constructor(path: string, handle: FileHandle) {
    this.path = path;
    this.#handle = handle;
  }

  async write(chunk: Uint8Array): Promise<void> {
    try {
      await this.#handle.writeFile(chunk);
    } catch (error) {
      throw asHoldfastError(error);
    }
    this.bytesWritten += chunk.length;
  }

  /** The error of a late write (a full disk, a network file system) comes at the closing at the latest. */
  async finish(): Promise<void> {
    try {
      await this.#handle.close();
    } catch (error) {
      throw asHoldfastError(error);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close().catch(() => {});
  }
}

async function create(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'w');
  } catch (cause) {
    const { errno } = asHoldfastError(cause).context;
    throw new HoldfastError('usage', `the file ${path} of --target cannot be written: ${errno ?? 'unknown error'}`, {
      hint: 'Check the path and its permissions.',
      cause,
    });
  }
}
