import { defineConfig } from 'oxlint';
import type { OxlintOverride } from 'oxlint';
import { adapterFolders, adaptersKnowNoOther, folders, whyAdaptersClosed, whyClosed } from './script/import-levels.ts';

interface Ban {
  readonly regex: string;
  readonly message: string;
}

const neverFromSources: readonly Ban[] = [
  { regex: String.raw`^(\.\./)+(test|script|bin|dist)/`, message: 'product code does not import what only development has' },
  { regex: String.raw`\.test\.ts$`, message: 'what a test and other code share lives in a file of its own' },
];

export default defineConfig({
  options: { typeAware: true, denyWarnings: true, reportUnusedDisableDirectives: 'error' },
  plugins: ['typescript', 'unicorn', 'oxc', 'import', 'node', 'promise'],
  categories: { correctness: 'error' },
  // The examples import the package by its name, whose types are there only once it is built.
  ignorePatterns: ['dist', 'dist.new.*', 'node_modules', 'wasm', 'examples', '**/fixtures'],
  rules: {
    'eslint/eqeqeq': 'error',
    'eslint/no-console': 'error',
    // Names of files hold control characters: code that prints or quotes them must look for those.
    'eslint/no-control-regex': 'off',
    'eslint/no-else-return': 'error',
    'eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_', caughtErrors: 'all', ignoreRestSiblings: true }],
    'eslint/no-var': 'error',
    'eslint/prefer-const': 'error',
    'eslint/preserve-caught-error': 'error',
    'import/no-cycle': 'error',
    'import/no-default-export': 'error',
    'typescript/ban-ts-comment': 'error',
    'typescript/consistent-type-imports': ['error', { disallowTypeAnnotations: false }],
    'typescript/no-explicit-any': 'error',
    'typescript/no-floating-promises': 'error',
    'typescript/no-misused-promises': 'error',
    'typescript/no-non-null-assertion': 'error',
    'typescript/no-unnecessary-type-assertion': 'error',
    'typescript/no-unsafe-argument': 'error',
    'typescript/no-unsafe-assignment': 'error',
    'typescript/no-unsafe-call': 'error',
    'typescript/no-unsafe-member-access': 'error',
    'typescript/no-unsafe-return': 'error',
    'typescript/only-throw-error': 'error',
    'typescript/prefer-promise-reject-errors': 'error',
    'typescript/return-await': ['error', 'error-handling-correctness-only'],
    'typescript/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
    // Methods are handed on as callbacks nowhere; node:assert's functions are, and need no `this`.
    'typescript/unbound-method': 'off',
    'unicorn/filename-case': ['error', { case: 'kebabCase' }],
    // A preallocated array is meant where one is written.
    'unicorn/no-new-array': 'off',
    'unicorn/prefer-node-protocol': 'error',
  },
  overrides: [
    {
      files: ['src/**/*.ts'],
      excludeFiles: ['**/*.test.ts', '**/conformance.ts'],
      rules: { 'eslint/max-lines-per-function': ['error', { max: 40, skipBlankLines: true, skipComments: true }] },
    },
    // node:test returns promises from test() and describe() that nobody has to await.
    {
      files: ['**/*.test.ts', '**/conformance.ts'],
      rules: {
        'typescript/no-floating-promises': [
          'error',
          { allowForKnownSafeCalls: [{ from: 'package', package: 'node:test', name: ['test', 'it', 'describe', 'suite'] }] },
        ],
      },
    },
    { files: ['src/cli/**/*.ts', 'script/**/*.ts', 'test/bench/**/*.ts', 'test/soak/**/*.ts'], rules: { 'eslint/no-console': 'off' } },
    { files: ['oxlint.config.ts'], rules: { 'import/no-default-export': 'off' } },
    { files: ['src/**/*.ts'], excludeFiles: ['**/*.test.ts'], rules: restricted(neverFromSources) },
    ...folders.map(({ name }) => ({ files: [`src/${name}/**/*.ts`], excludeFiles: ['**/*.test.ts'], rules: restricted(bansOf(name)) })),
    ...adapterFolders.map(adapterOverride),
  ],
});

function restricted(patterns: readonly Ban[]): NonNullable<OxlintOverride['rules']> {
  return { 'eslint/no-restricted-imports': ['error', { patterns: [...patterns] }] };
}

function bansOf(from: string): Ban[] {
  const bans = [...neverFromSources];
  for (const { name: to } of folders) {
    const message = whyClosed(from, to);
    const adaptersMessage = whyAdaptersClosed(from, to);
    if (message !== undefined) bans.push({ regex: String.raw`^(\.\./)+${to}/`, message });
    else if (adaptersMessage !== undefined) bans.push({ regex: String.raw`^(\.\./)+${to}/[^/]+/`, message: adaptersMessage });
  }
  if (from === 'api') bans.push({ regex: '^node:', message: 'api runs in the browser too' });
  return bans;
}

/** From src/storage/local/x.ts, `../memory/` is another adapter and `../backend.ts` the contract. */
function adapterOverride(folder: string): OxlintOverride {
  const ban = { regex: String.raw`^\.\./[^./]+/`, message: adaptersKnowNoOther };
  return { files: [`src/${folder}/*/*.ts`], excludeFiles: ['**/*.test.ts'], rules: restricted([...bansOf(folder), ban]) };
}
