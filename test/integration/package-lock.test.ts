import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { it } from 'node:test';

interface Locked {
  readonly resolved?: string;
  readonly hasInstallScript?: boolean;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const lock = read('package-lock.json') as { packages: Readonly<Record<string, Locked>> };
const manifest = read('package.json') as { allowScripts: Readonly<Record<string, boolean>> };

it('the lock file names no registry, so that every machine uses its own', () => {
  const resolved = Object.entries(lock.packages).filter(([, { resolved: url }]) => url !== undefined);
  assert.deepEqual(resolved, []);
});

// npm leaves those out that its registry does not have, and then `npm ci` refuses the file on other machines.
it('the lock file holds the optional packages of every platform', () => {
  const missing = Object.entries(lock.packages).flatMap(([path, { optionalDependencies }]) =>
    Object.keys(optionalDependencies ?? {}).filter(
      (name) => lock.packages[`${path}/node_modules/${name}`] === undefined && lock.packages[`node_modules/${name}`] === undefined,
    ),
  );
  assert.deepEqual(missing, []);
});

it('every package that runs a script when it is installed was reviewed', () => {
  const unreviewed = Object.entries(lock.packages)
    .filter(([, { hasInstallScript }]) => hasInstallScript === true)
    .map(([path]) => path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length))
    .filter((name) => manifest.allowScripts[name] === undefined);
  assert.deepEqual(unreviewed, []);
});

function read(name: string): unknown {
  return JSON.parse(readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8'));
}
