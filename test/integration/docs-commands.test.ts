/**
 * Commands in the documentation that are marked as runnable work: they run as a person would type them, one page after the other in one
 * sandbox, where paths such as /etc and /srv stand below a temporary folder.
 */
import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { it } from 'node:test';
import { documentationPages, projectRoot, runnableCommands } from '../support/documents.ts';
import { requirePeer, run } from '../support/peers.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

// The README's repository is the one that the other pages look at.
const pages = documentationPages().filter((page) => runnableCommands(page) !== '');
const inOrder = pages.toSorted((a, b) => Number(b.path === 'README.md') - Number(a.path === 'README.md'));
const sandboxed = /(?<=^|[\s'"=:])\/(?=(?:etc|home|srv|var)(?:[/\s'"]|$))/gmu;

it('the runnable commands of all pages work, with the restic of the system', async (t) => {
  const restic = requirePeer(t, 'system restic');
  if (restic === undefined) return;
  assert.ok(inOrder.map(({ path }) => path).includes('README.md'));
  assert.ok(inOrder.map(({ path }) => path).includes('docs/recovery-without-holdfast.md'));
  const folder = temporaryFolder(t);
  const env = prepareSandbox(folder);
  for (const page of inOrder) {
    const commands = runnableCommands(page).replaceAll(sandboxed, `${folder}/`);
    const result = await run('sh', ['-eu', '-c', commands], { cwd: folder, env });
    assert.equal(result.code, 0, `${page.path} ended with ${result.code}:\n${result.stdout}${result.stderr}`);
  }
});

it('paths are moved into the sandbox wherever a command names them', () => {
  const line = "backup /etc /home -x '*.tmp' --target /var/tmp/a latest:/home X=/srv/b > /etc/c < /dev/null /usr/bin";
  assert.equal(
    line.replaceAll(sandboxed, '/T/'),
    "backup /T/etc /T/home -x '*.tmp' --target /T/var/tmp/a latest:/T/home X=/T/srv/b > /T/etc/c < /dev/null /usr/bin",
  );
});

/** Folders that the commands speak of, with something in them, and an environment in which they find holdfast and restic. */
function prepareSandbox(folder: string): Record<string, string> {
  for (const name of ['etc', 'home/me/.cache', 'home/me/work', 'srv', 'var/tmp', 'bin']) mkdirSync(join(folder, name), { recursive: true });
  writeFileSync(join(folder, 'etc/hosts'), '127.0.0.1 localhost\n');
  writeFileSync(join(folder, 'home/me/work/notes.txt'), 'first\n');
  symlinkSync('work/notes.txt', join(folder, 'home/me/latest'));
  symlinkSync(join(projectRoot, 'bin/holdfast'), join(folder, 'bin/holdfast'));
  return {
    PATH: [join(folder, 'bin'), dirname(process.execPath), process.env['PATH'] ?? ''].join(delimiter),
    HOME: join(folder, 'home/me'),
    TMPDIR: join(folder, 'var/tmp'),
    XDG_CACHE_HOME: join(folder, 'var/cache'),
    LANG: 'C.UTF-8',
  };
}
