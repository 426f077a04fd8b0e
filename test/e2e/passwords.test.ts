import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { holdfastEnvironment, holdfastPath } from '../support/holdfast.ts';
import { testPassword } from '../support/new-repository.ts';
import { type PeerRun, requireCommand } from '../support/peers.ts';
import { makeScene, type Scene } from './scene.ts';

const cleanups: (() => void)[] = [];
let scene: Scene;
const noPassword = { HOLDFAST_PASSWORD: '' };

before(async () => {
  scene = await makeScene({ after: (work) => cleanups.push(work) });
});

after(() => {
  for (const work of cleanups) work();
});

describe('the password', () => {
  const sources: Record<string, { args?: string[]; env?: Record<string, string>; input?: string; file?: string | Buffer }> = {
    'a file': { args: ['--password-file', 'password'], file: testPassword },
    'a file with blanks and newlines around it': { args: ['-p', 'password'], file: ` ${testPassword}\r\n\n` },
    'a file in UTF-16': { args: ['-p', 'password'], file: Buffer.from(`\ufeff${testPassword}`, 'utf16le') },
    'a command, whose words no shell sees': { args: ['--password-command', `printf %s "${testPassword}"`] },
    HOLDFAST_PASSWORD: { env: { HOLDFAST_PASSWORD: testPassword } },
    HOLDFAST_PASSWORD_FILE: { env: { HOLDFAST_PASSWORD_FILE: 'password' }, file: testPassword },
    HOLDFAST_PASSWORD_COMMAND: { env: { HOLDFAST_PASSWORD_COMMAND: `printf '%s' '${testPassword}'` } },
    RESTIC_PASSWORD: { env: { RESTIC_PASSWORD: testPassword } },
    RESTIC_PASSWORD_FILE: { env: { RESTIC_PASSWORD_FILE: 'password' }, file: testPassword },
    'the HOLDFAST_ variable where a RESTIC_ one says something else': {
      env: { HOLDFAST_PASSWORD: testPassword, RESTIC_PASSWORD: 'wrong', RESTIC_PASSWORD_COMMAND: 'false' },
    },
    'an option where the variables say something else': {
      args: ['-p', 'password'],
      env: { HOLDFAST_PASSWORD: 'wrong', HOLDFAST_PASSWORD_COMMAND: 'false' },
      file: testPassword,
    },
    'the first line of standard input': { input: `${testPassword}\nmore\n` },
  };

  for (const [name, { args = [], env = {}, input, file }] of Object.entries(sources)) {
    it(`may come from ${name}`, async () => {
      if (file !== undefined) writeFileSync(join(scene.folder, 'password'), file);
      const options = { env: { ...noPassword, ...env }, ...(input === undefined ? {} : { input }) };
      const result = await scene.holdfast(['snapshots', ...args], options);
      assert.equal(result.code, 0, result.stderr);
    });
  }

  it('is missing when nothing gives it', async () => {
    const result = await scene.holdfast(['snapshots'], { env: noPassword });
    assert.equal(result.code, 1);
    assert.match(result.stderr, /no password was given/);
  });

  it('shows what a password command says on its stderr', async () => {
    const result = await scene.holdfast(['snapshots', '--password-command', "sh -c 'echo the vault is sealed >&2; exit 2'"], {
      env: noPassword,
    });
    assert.match(result.stderr, /the vault is sealed\nerror: the password command sh failed: exit code 2/);
  });

  it('may be empty only where that is said', async () => {
    const repository = join(scene.folder, 'open');
    const run = (...args: string[]) => scene.holdfast([...args, '--repo', repository], { env: noPassword });
    assert.equal((await run('init', '--insecure-no-password')).code, 0);
    assert.equal((await run('snapshots', '--insecure-no-password')).code, 0);
    assert.equal((await run('snapshots')).code, 1);
  });
});

/** Runs holdfast on a terminal of its own and types. */
async function typeAt(t: TestContext, args: string, typed: readonly string[]): Promise<PeerRun | undefined> {
  if (!requireCommand(t, 'script')) return undefined;
  const env = { ...holdfastEnvironment(scene.repository), HOLDFAST_PASSWORD: '', TERM: 'dumb' };
  const child = spawn('script', ['-qec', `${holdfastPath} ${args}`, '/dev/null'], { cwd: scene.folder, env, stdio: 'pipe' });
  let screen = '';
  const waiting = [...typed];
  child.stdout.on('data', (chunk: Buffer) => {
    screen += chunk.toString();
    if (/password[^\n]*: $/.test(screen) && waiting.length > 0) {
      screen += '|';
      child.stdin.write(waiting.shift() ?? '');
    }
  });
  const { promise, resolve } = Promise.withResolvers<number>();
  child.on('close', (code) => resolve(code ?? -1));
  return { code: await promise, stdout: screen, stderr: '' };
}

describe('a password typed at a terminal', () => {
  it('opens the repository and is never shown', async (t) => {
    const result = await typeAt(t, 'snapshots', [`${testPassword}\r`]);
    if (result === undefined) return;
    assert.equal(result.code, 0, result.stdout);
    assert.match(result.stdout, /enter password for repository: /);
    assert.ok(!result.stdout.includes(testPassword));
  });

  it('can be corrected, in the line and by trying again', async (t) => {
    const result = await typeAt(t, 'snapshots', ['wrong\r', `x\u0015ö\u007f${testPassword}!\u007f\r`]);
    if (result === undefined) return;
    assert.equal(result.code, 0, result.stdout);
    assert.match(result.stdout, /no key of the repository opens with that password, try again/);
  });

  it('is refused after three wrong ones', async (t) => {
    const result = await typeAt(t, 'snapshots', ['a\r', 'b\r', 'c\r']);
    if (result !== undefined) assert.equal(result.code, 12);
  });

  it('is asked for twice when it is new', async (t) => {
    const different = await typeAt(t, 'init --repo typed', ['one\r', 'two\r']);
    if (different === undefined) return;
    assert.equal(different.code, 1);
    assert.match(different.stdout, /the two passwords differ/);
    assert.equal((await typeAt(t, 'init --repo typed', ['one\r', 'one\r']))?.code, 0);
    assert.equal((await typeAt(t, 'snapshots --repo typed', ['one\r']))?.code, 0);
  });

  it('can be given up with Ctrl-C', async (t) => {
    const result = await typeAt(t, 'snapshots', ['half\u0003']);
    if (result === undefined) return;
    assert.equal(result.code, 130);
    assert.deepEqual(readdirSync(join(scene.repository, 'locks')), []);
  });
});
