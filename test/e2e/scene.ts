/** A repository and a small tree of every kind of file, and holdfast as a person runs it on them. */
import { execFileSync } from 'node:child_process';
import { chmodSync, linkSync, mkdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { holdfastEnvironment, holdfastPath } from '../support/holdfast.ts';
import { localRepository } from '../support/new-repository.ts';
import { type PeerRun, type RunOptions, run } from '../support/peers.ts';
import { type CleansUp, temporaryFolder } from '../support/temporary-folder.ts';

export interface Scene {
  readonly folder: string;
  readonly repository: string;
  readonly source: string;
  /** Runs in `folder`, with the repository and its password in the environment. */
  holdfast(args: readonly string[], options?: RunOptions): Promise<PeerRun>;
}

export async function makeScene(t: CleansUp): Promise<Scene> {
  const folder = temporaryFolder(t);
  const repository = join(folder, 'repository');
  const source = join(folder, 'source');
  await (await localRepository(repository)).close();
  makeSource(source);
  const environment = holdfastEnvironment(repository, join(folder, 'home'));
  return {
    folder,
    repository,
    source,
    holdfast: (args, options = {}) => run(holdfastPath, args, { cwd: folder, ...options, env: { ...environment, ...options.env } }),
  };
}

export const fileContent = 'one line\nand another\n';

function makeSource(source: string): void {
  mkdirSync(join(source, 'folder/deep'), { recursive: true });
  writeFileSync(join(source, 'file.txt'), fileContent);
  writeFileSync(join(source, 'folder/empty'), '');
  writeFileSync(join(source, 'folder/deep/blob.bin'), Buffer.alloc(3000, 7));
  writeFileSync(join(source, 'folder/program'), '#!/bin/sh\n');
  chmodSync(join(source, 'folder/program'), 0o4755);
  linkSync(join(source, 'file.txt'), join(source, 'folder/hard-link'));
  symlinkSync('../file.txt', join(source, 'folder/link'));
  execFileSync('mkfifo', [join(source, 'folder/pipe')]);
  utimesSync(join(source, 'file.txt'), 1_700_000_000, 1_700_000_000);
}

/** The JSON values on the lines of a stream. */
export function jsonOf(text: string): Record<string, unknown>[] {
  return text
    .trim()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}
