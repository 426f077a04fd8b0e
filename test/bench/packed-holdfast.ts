/** Holdfast as users get it: the package is built, packed and installed into an empty folder. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** @returns the path of the installed command */
export function installPacked(checkout: string, folder: string): string {
  const app = join(folder, 'app');
  mkdirSync(app, { recursive: true });
  writeFileSync(join(app, 'package.json'), '{"private":true}\n');
  // `npm pack` builds first: the package's prepack script is script/build.
  const archive = npm(['pack', '--silent', '--pack-destination', folder], checkout).trim().split('\n').at(-1) ?? '';
  npm(['install', '--no-audit', '--no-fund', '--prefer-offline', join(folder, archive)], app);
  return join(app, 'node_modules/.bin/holdfast');
}

function npm(args: readonly string[], cwd: string): string {
  // npm hands its settings down to the programs it starts: those of `npm run bench` must not decide how this one installs.
  const kept = Object.entries(process.env).filter(([name]) => !/^npm_(?!config_(registry|cafile|userconfig))/u.test(name));
  const result = spawnSync('npm', args, { cwd, env: Object.fromEntries(kept), encoding: 'utf8' });
  if (result.status !== 0) throw new Error(`npm ${args[0]} failed: ${result.stderr ?? result.error}`);
  return result.stdout;
}
