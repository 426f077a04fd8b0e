/** The published package: packed, installed into an empty folder as a user does, and used to save and check something. */
import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { run } from '../support/peers.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };

it('the packed package installs into an empty folder and saves files there', async (t) => {
  const canInstall = await registryAnswers();
  if (!canInstall && process.env['CI'] !== 'true') {
    t.skip('the npm registry does not answer');
    return;
  }
  const folder = temporaryFolder(t);
  const packed = await succeed('npm', ['pack', '--silent', '--pack-destination', folder], root);
  const archive = packed.trim().split('\n').at(-1) ?? '';
  const app = join(folder, 'app');
  mkdirSync(app);
  writeFileSync(join(app, 'package.json'), '{"private":true}\n');
  await succeed('npm', ['install', '--no-audit', '--no-fund', join(folder, archive)], app);

  await t.test('it holds compiled code and the examples, no tests and no sources', () => {
    const files = readdirSync(join(app, 'node_modules/holdfast'), { recursive: true, encoding: 'utf8' });
    const surplus = files.filter(
      (file) => !file.includes('node_modules') && /\.test\.|^src|^test|(?<!^examples\/.*)(?<!\.d)\.ts$/u.test(file),
    );
    assert.deepEqual(surplus, []);
    assert.ok(files.includes('dist/cli/main.js') && files.includes('LICENSE'));
  });

  const holdfast = join(app, 'node_modules/.bin/holdfast');
  await t.test('its command starts', async () => {
    assert.equal(await succeed(holdfast, ['--version'], app), `holdfast ${version}\n`);
    assert.equal(await succeed(holdfast, [], app), readFileSync(join(root, 'src/cli/help.txt'), 'utf8'));
  });

  await t.test('its workers, native libraries and chunker work', async () => {
    const env = { HOLDFAST_REPOSITORY: join(folder, 'repository'), HOLDFAST_PASSWORD: 'for this test' };
    await succeed(holdfast, ['init'], app, env);
    await succeed(holdfast, ['backup', join(app, 'package.json'), process.execPath], app, env);
    await succeed(holdfast, ['check', '--read-data'], app, env);
  });

  await t.test('the example in examples/library.ts runs with it', async () => {
    const example = join(app, 'library.ts');
    copyFileSync(join(root, 'examples/library.ts'), example);
    const output = await succeed(process.execPath, [example, join(app, 'node_modules/holdfast/docs')], app);
    assert.match(output, /, 0 could not be read\nrestored \d+ entries, 0 failed; the check found 0 errors\n$/u);
  });
});

async function registryAnswers(): Promise<boolean> {
  const result = await run('npm', ['view', 'koffi', 'version', '--fetch-retries=0', '--fetch-timeout=20000']);
  return result.code === 0;
}

async function succeed(program: string, args: readonly string[], cwd: string, env: Readonly<Record<string, string>> = {}): Promise<string> {
  const result = await run(program, args, { cwd, env: { ...environment(), ...env } });
  assert.equal(result.code, 0, `${program} ${args.join(' ')}: ${result.stderr}${result.stdout}`);
  return result.stdout;
}

/** npm hands its own settings down to the programs it starts: `npm test` must not decide how this installs. */
function environment(): Record<string, string> {
  const kept = Object.entries(process.env).filter(([name]) => !/^npm_(?!config_(registry|cafile|userconfig))/u.test(name));
  return Object.fromEntries(kept.map(([name, value]) => [name, value ?? '']));
}
