import assert from 'node:assert/strict';
import { chmodSync, cpSync, lstatSync, mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { run } from '../support/peers.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const launcher = join(root, 'bin/holdfast');
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
const versionOutput = { code: 0, stdout: `holdfast ${version}\n`, stderr: '' };

it('--version and -V print the version of the package', async () => {
  assert.deepEqual(await run(launcher, ['--version']), versionOutput);
  assert.deepEqual(await run(launcher, ['-V']), versionOutput);
});

it('no argument, --help and -h print the help file', async () => {
  const help = readFileSync(join(root, 'src/cli/help.txt'), 'utf8');
  for (const args of [[], ['--help'], ['-h']]) assert.deepEqual(await run(launcher, args), { code: 0, stdout: help, stderr: '' });
});

it('the launcher finds its project through relative and absolute links and names with spaces', async (t) => {
  const folder = temporaryFolder(t);
  const spaced = join(folder, 'a folder');
  mkdirSync(spaced);
  symlinkSync(launcher, join(spaced, 'absolute link'));
  symlinkSync('a folder/absolute link', join(folder, 'relative'));
  symlinkSync(folder, join(spaced, 'loop'));
  assert.deepEqual(await run(join(spaced, 'loop', 'relative'), ['--version'], { cwd: '/' }), versionOutput);
  assert.deepEqual(await run('./relative', ['--version'], { cwd: folder }), versionOutput);
  assert.deepEqual(await run('sh', ['relative', '--version'], { cwd: folder }), versionOutput);
});

it('the Node that npm put beside the package goes before the one on the PATH', async (t) => {
  const modules = join(temporaryFolder(t), 'node modules');
  copyPackage(join(modules, 'holdfast'));
  pretendNode(join(modules, 'node'), 'beside');
  assert.match((await run(join(modules, 'holdfast/bin/holdfast'), ['snapshots'])).stdout, /^beside .*main\.mjs snapshots\n$/u);
  pretendNode(join(modules, 'holdfast/node_modules/node'), 'inside');
  assert.match((await run(join(modules, 'holdfast/bin/holdfast'), ['snapshots'])).stdout, /^inside .*main\.mjs snapshots\n$/u);
});

it('a machine without any Node is told in one line what to install', async (t) => {
  const folder = temporaryFolder(t);
  copyPackage(join(folder, 'holdfast'));
  const result = await run('/bin/sh', [join(folder, 'holdfast/bin/holdfast'), '--version'], { env: { PATH: folder } });
  assert.equal(result.code, 1);
  assert.match(result.stderr, /^holdfast: there is no Node[^\n]+Node 24[^\n]+\n$/u);
});

it('an old Node says in one line what to install', async () => {
  const old = 'data:text/javascript,Object.defineProperty(process,"versions",{value:{...process.versions,node:"18.20.4"}})';
  const result = await run(process.execPath, ['--import', old, join(root, 'bin/main.mjs'), 'snapshots']);
  assert.equal(result.code, 1);
  assert.match(result.stderr, /^holdfast: needs Node 24 or newer[^\n]+\n$/u);
});

it('compiled code is kept in a folder of this user alone', async (t) => {
  const cache = join(temporaryFolder(t), 'cache');
  await run(launcher, ['version'], { env: { ...environment(), XDG_CACHE_HOME: cache } });
  assert.equal(lstatSync(join(cache, 'holdfast/compile')).mode & 0o777, 0o700);
  assert.notEqual(readdirSync(join(cache, 'holdfast/compile')).length, 0);
});

it('a cache folder that others can write is not used', async (t) => {
  const cache = temporaryFolder(t);
  mkdirSync(join(cache, 'holdfast/compile'), { recursive: true });
  chmodSync(join(cache, 'holdfast/compile'), 0o777);
  await run(launcher, ['version'], { env: { ...environment(), XDG_CACHE_HOME: cache } });
  assert.deepEqual(readdirSync(join(cache, 'holdfast/compile')), []);
});

function copyPackage(target: string): void {
  cpSync(join(root, 'bin'), join(target, 'bin'), { recursive: true });
  cpSync(join(root, 'package.json'), join(target, 'package.json'));
}

/** An npm package `node` whose program prints a word and the arguments behind the script. */
function pretendNode(folder: string, word: string): void {
  mkdirSync(join(folder, 'bin'), { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{}');
  writeFileSync(join(folder, 'bin/node'), `#!/bin/sh\nshift\necho ${word} "$@"\n`, { mode: 0o755 });
}

/** This process's environment without Node's own settings for the cache. */
function environment(): Record<string, string> {
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith('NODE_'));
  return Object.fromEntries(kept.map(([name, value]) => [name, value ?? '']));
}
