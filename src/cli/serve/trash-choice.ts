/** Which files of the trash a command is about. */
import { resolve } from 'node:path';
import { HoldfastError } from '../../base/errors.ts';
import { parseRepositoryPath } from '../../server/request-address.ts';
import { listTrash, type TrashedFile } from '../../server/trash.ts';
import { fileKinds } from '../../storage/backend.ts';
import { parseUserTime } from '../local-time.ts';
import type { OptionTable, Values } from '../options/option.ts';

export const trashOptions = {
  path: { kind: 'text', valueName: 'FOLDER', env: 'SERVE_PATH', description: 'folder with the repositories, as in holdfast serve' },
  repository: { kind: 'text', valueName: 'PATH', description: 'only this repository and those below it, as in /alice' },
  kind: { kind: 'text', choices: fileKinds, valueName: 'KIND', description: 'only files of this kind' },
  since: { kind: 'text', valueName: 'TIME', description: 'only what was removed at this time or later, as in "2026-11-20 18:00:00"' },
} as const satisfies OptionTable;

type TrashValues = Values<typeof trashOptions>;

const nsPerS = 1_000_000_000n;

export function trashRoot({ path }: TrashValues): string {
  if (path !== undefined) return resolve(path);
  throw new HoldfastError('usage', 'nothing says where the repositories are', { hint: 'Give their folder with --path.' });
}

/** One after the other: there may be many. */
export async function* chosenTrash(values: TrashValues): AsyncGenerator<TrashedFile> {
  const sinceS = values.since === undefined ? 0 : Number(parseUserTime(values.since, '--since') / nsPerS);
  const repository = values.repository === undefined ? [] : parseRepositoryPath(values.repository);
  if (repository === undefined) {
    throw new HoldfastError('usage', '--repository is no path of a repository', { hint: 'Write it as /alice or /alice/daily.' });
  }
  for await (const entry of listTrash(trashRoot(values), repository)) {
    if (entry.removedS >= sinceS && (values.kind === undefined || entry.file.kind === values.kind)) yield entry;
  }
}

/** As JSON, and so that the names say where the file was. */
export function trashJson({ repository, file, removedS, dueS, sizeBytes }: TrashedFile): object {
  return {
    repository: `/${repository.join('/')}`,
    kind: file.kind,
    name: file.name,
    size: sizeBytes,
    removed: new Date(removedS * 1000).toISOString(),
    due: new Date(dueS * 1000).toISOString(),
  };
}
