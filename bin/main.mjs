/*
 * The first JavaScript that runs. It has no static import and no syntax newer than ES2019, so that an old Node gets as far as
 * saying what is missing, and it answers --version and --help without loading anything else.
 */
const oldestMajor = 24;
const args = process.argv.slice(2);

if (Number(process.versions.node.split('.')[0]) < oldestMajor) {
  process.stderr.write(
    `holdfast: needs Node ${oldestMajor} or newer, this is ${process.version}. Install it: https://nodejs.org/en/download\n`,
  );
  process.exitCode = 1;
} else {
  start();
}

function start() {
  const fs = process.getBuiltinModule('node:fs');
  const sources = new URL('../src/', import.meta.url);
  const fromSources = fs.existsSync(sources);
  const code = fromSources ? sources : new URL('../dist/', import.meta.url);

  if (args.length === 1 && (args[0] === '--version' || args[0] === '-V')) {
    const manifest = /** @type {{ version: string }} */ (JSON.parse(fs.readFileSync(new URL('../package.json', import.meta.url), 'utf8')));
    process.stdout.write(`holdfast ${manifest.version}\n`);
  } else if (args.length === 0 || (args.length === 1 && (args[0] === '--help' || args[0] === '-h'))) {
    process.stdout.write(fs.readFileSync(new URL('cli/help.txt', code), 'utf8'));
  } else {
    keepCompiledCode(fs);
    import(new URL(fromSources ? 'cli/main.ts' : 'cli/main.js', code).href).then(run).catch(
      /** @param {Error} error */ (error) => {
        // main() renders its own errors: what arrives here is an installation that cannot load its code.
        process.stderr.write(`holdfast: cannot start: ${fromSources ? error.stack : error.message}\n`);
        process.exitCode = 1;
      },
    );
  }
}

/** @param {{ main(argv: readonly string[]): Promise<number> }} cli */
async function run(cli) {
  process.exitCode = await cli.main(args);
}

/**
 * Turns on Node's cache of compiled code, in a folder that only this user can write: what is in it gets executed.
 *
 * @param {typeof import('node:fs')} fs
 */
function keepCompiledCode(fs) {
  const { XDG_CACHE_HOME: cacheHome, HOME: home } = process.env;
  const base = cacheHome && cacheHome.startsWith('/') ? cacheHome : home && `${home}/.cache`;
  if (!base) return;
  const parent = base.slice(0, base.lastIndexOf('/')) || '/';
  try {
    // With `sudo` and another user's HOME, root must neither trust that user's files nor leave its own there.
    if (!isOwn(fs.statSync(fs.existsSync(base) ? base : parent))) return;
    const folder = `${base}/holdfast/compile`;
    fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
    const state = fs.lstatSync(folder);
    if (state.isDirectory() && isOwn(state) && (state.mode & 0o077) === 0)
      process.getBuiltinModule('node:module').enableCompileCache(folder);
  } catch {
    // A cache is never worth a message.
  }
}

/** @param {import('node:fs').Stats} state */
function isOwn(state) {
  return state.uid === (process.getuid ? process.getuid() : -1);
}
