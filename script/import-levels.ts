/**
 * The import rule as data: which folder of src/ may import which. Lint (oxlint.config.ts) bans the rest while one types, and
 * test/integration/layout-rule.test.ts resolves every import and proves it. ARCHITECTURE.md shows the same table.
 */

interface Folder {
  readonly name: string;
  /** Folders of the same level may be imported only where `alsoImports` says so. */
  readonly level: number;
  readonly alsoImports?: readonly string[];
  /** Lower folders that stay closed nevertheless, each with its reason. */
  readonly closed?: Readonly<Record<string, string>>;
}

const knowsNoContent = 'the repository server keeps whole files, and knows nothing of what is in them: its clients hold the keys';
const stateIsForTheService = 'the state store belongs to the service; the engine keeps everything in the repository';

export const folders: readonly Folder[] = [
  { name: 'base', level: 0 },
  { name: 'posix', level: 1 },
  { name: 'patterns', level: 1 },
  { name: 'chunker', level: 1 },
  { name: 'crypto', level: 1 },
  { name: 'compression', level: 1 },
  { name: 'format', level: 1 },
  { name: 'storage', level: 1 },
  { name: 'sources', level: 1 },
  { name: 'selection', level: 1, alsoImports: ['patterns'] },
  { name: 'retention', level: 1 },
  { name: 'state', level: 1 },
  { name: 'api', level: 1 },
  { name: 'workers', level: 2, closed: { state: stateIsForTheService } },
  { name: 'repository', level: 2, alsoImports: ['workers'], closed: { state: stateIsForTheService } },
  { name: 'archiver', level: 2, alsoImports: ['workers', 'repository'], closed: { state: stateIsForTheService } },
  { name: 'restorer', level: 2, alsoImports: ['workers', 'repository'], closed: { state: stateIsForTheService } },
  {
    name: 'server',
    level: 2,
    closed: {
      patterns: knowsNoContent,
      chunker: knowsNoContent,
      compression: knowsNoContent,
      format: knowsNoContent,
      sources: knowsNoContent,
      selection: knowsNoContent,
      retention: knowsNoContent,
      state: stateIsForTheService,
    },
  },
  { name: 'pitr', level: 3 },
  { name: 'mirror', level: 3 },
  { name: 'alerts', level: 3 },
  { name: 'drills', level: 3, alsoImports: ['pitr', 'mirror', 'alerts'] },
  { name: 'config', level: 4 },
  { name: 'jobs', level: 4, alsoImports: ['config'] },
  { name: 'app', level: 5 },
  { name: 'cli', level: 5, alsoImports: ['app'] },
];

/** Folders whose own files are contracts and whose subfolders are adapters. */
export const adapterFolders: readonly string[] = ['storage', 'sources', 'state'];

const byName = new Map(folders.map((folder) => [folder.name, folder]));

/** Why files of src/`from`/ may not import from src/`to`/, or undefined where they may. */
export function whyClosed(from: string, to: string): string | undefined {
  const importer = byName.get(from);
  const imported = byName.get(to);
  if (importer === undefined || imported === undefined) return 'every folder of src/ needs a level in script/import-levels.ts';
  if (from === to || importer.alsoImports?.includes(to) === true) return undefined;
  const special = importer.closed?.[to];
  if (special !== undefined) return special;
  if (imported.level < importer.level) return undefined;
  const reason =
    imported.level === 1
      ? 'folders of level 1 know only base, so that each can be read, tested and replaced alone'
      : 'imports point downward only, so that a change above cannot break what is below';
  return `${from} (level ${importer.level}) may not import ${to} (level ${imported.level}): ${reason}`;
}

/** Why files of src/`from`/ may not import the adapters in the subfolders of src/`to`/, or undefined where they may. */
export function whyAdaptersClosed(from: string, to: string): string | undefined {
  if (!adapterFolders.includes(to) || from === to || from === 'app') return undefined;
  return `adapters of ${to} are built in app only: import the contract beside them, and take the instance as an argument`;
}

export const adaptersKnowNoOther = 'adapter folders never import one another: what two share moves up into the folder of the contract';
