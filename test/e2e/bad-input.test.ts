import assert from 'node:assert/strict';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { jsonOf, makeScene, type Scene } from './scene.ts';

const cleanups: (() => void)[] = [];
let scene: Scene;

before(async () => {
  scene = await makeScene({ after: (work) => cleanups.push(work) });
  assert.equal((await scene.holdfast(['backup', 'source'])).code, 0);
  writeFileSync(join(scene.folder, 'plain-file'), 'x');
});

after(() => {
  for (const work of cleanups) work();
});

interface BadInput {
  readonly args: readonly string[];
  readonly code?: number;
  readonly says: RegExp;
  readonly env?: Record<string, string>;
  readonly input?: string;
}

const badInputs: readonly BadInput[] = [
  { args: ['bakcup'], says: /Did you mean holdfast backup\?/ },
  { args: ['mount'], says: /restic's and does not exist here yet/ },
  { args: ['key', 'rm', 'x'], says: /"key rm" is not known/ },
  { args: ['backup', '--exlude', 'x', 'source'], says: /--exlude is not known\nhint: Did you mean --exclude\?/ },
  { args: ['--exclude', 'x', 'backup', 'source'], says: /Options of a command stand after its name/ },
  { args: ['snapshots', '-z'], says: /the option -z is not known/ },
  { args: ['snapshots', '--group-by', 'owner'], says: /--group-by cannot contain "owner"/ },
  { args: ['snapshots', '--latest', '-1'], says: /--latest cannot be "-1"\nhint: Give a whole number/ },
  { args: ['snapshots', '-q', '-v'], says: /--quiet and --verbose contradict/ },
  { args: ['snapshots', '--retry-lock', 'soon'], says: /--retry-lock cannot be "soon"/ },
  { args: ['snapshots'], env: { HOLDFAST_PACK_SIZE: 'big' }, says: /HOLDFAST_PACK_SIZE cannot be "big"/ },
  { args: ['snapshots', '--repository-file', '/nonexistent'], says: /cannot be read: .*ENOENT|contradict/ },
  { args: ['snapshots', '--repo', 'gs:bucket:/'], says: /repositories behind gs: are not supported/ },
  { args: ['snapshots', '--repo', '/nonexistent'], code: 10, says: /there is no repository at \/nonexistent/ },
  { args: ['snapshots', '--repo', 'plain-file'], code: 10, says: /there is no repository at/ },
  { args: ['snapshots'], env: { HOLDFAST_PASSWORD: 'wrong' }, code: 12, says: /no key of the repository opens with that password/ },
  { args: ['snapshots', '--password-file', '/nonexistent'], says: /--password-file cannot be read: \/nonexistent: ENOENT/ },
  { args: ['snapshots', '--password-command', 'false'], says: /the password command false failed: exit code 1/ },
  { args: ['snapshots', '--password-command', 'no-such-program-here'], says: /the password command no-such-program-here failed/ },
  { args: ['snapshots', '--password-command', "echo 'x"], says: /has a quote \('\) that never ends/ },
  { args: ['snapshots', '--password-command', 'true'], says: /the password from the password command is empty/ },
  { args: ['snapshots', '--password-command', 'true', '--password-file', 'x'], says: /--password-command and --password-file contradict/ },
  { args: ['snapshots', '--insecure-no-password'], says: /--insecure-no-password contradicts the password/ },
  { args: ['snapshots', 'ffffffff'], says: /no snapshot has an id that begins with "ffffffff"/ },
  { args: ['init'], says: /there is a repository at .* already/ },
  { args: ['init', 'extra'], says: /1 arguments were given where the command takes no arguments/ },
  { args: ['init', '--repository-version', '3', '--repo', 'new'], says: /version "3" are not created/ },
  { args: ['init', '--repo', 'new', '--from-repo', 'repository'], says: /only with --copy-chunker-params/ },
  { args: ['init', '--repo', 'new', '--copy-chunker-params'], says: /no source repository is named/ },
  { args: ['copy'], says: /no source repository is named/ },
  {
    args: ['copy', '--from-repo', 'repository', '--from-password-file', '/nonexistent'],
    says: /--from-password-file cannot be read: \/nonexistent/,
  },
  {
    args: ['copy', '--from-repo', 'repository', '--from-password-command', 'true'],
    says: /the password from the password command is empty/,
  },
  { args: ['copy', '--from-repo', 'a', '--from-repository-file', 'b'], says: /--from-repo and --from-repository-file contradict/ },
  {
    args: ['copy', '--from-repo', 'a', '--from-password-file', 'b', '--from-password-command', 'c'],
    says: /--from-password-command and --from-password-file contradict/,
  },
  {
    args: ['copy', '--from-repo', 'a', '--from-password-file', 'b', '--from-insecure-no-password'],
    says: /--from-insecure-no-password contradicts the password/,
  },
  { args: ['migrate', 'upgrade_repo_v3'], says: /there is no migration "upgrade_repo_v3"/ },
  { args: ['backup'], says: /there is nothing to back up/ },
  { args: ['backup', ''], says: /a path to back up is empty|cannot be found/ },
  { args: ['backup', 'source', '--exclude', '['], says: /malformed pattern: \[/ },
  { args: ['backup', 'source', '--exclude-file', '/nonexistent'], says: /--exclude-file cannot be read/ },
  { args: ['backup', 'source', '--exclude-larger-than', 'huge'], says: /--exclude-larger-than cannot be "huge"/ },
  { args: ['backup', 'source', '--time', 'yesterday'], says: /--time cannot be "yesterday"/ },
  { args: ['backup', 'source', '--parent', 'ffff'], says: /no snapshot has an id/ },
  { args: ['backup', 'source', '--pack-size', '1000'], says: /--pack-size cannot be 1000/ },
  { args: ['backup', 'source', '--read-concurrency', '1000'], says: /--read-concurrency cannot be 1000/ },
  { args: ['backup', 'source', '--compression', 'zip'], says: /--compression cannot be "zip"\nhint: Give one of off, auto/ },
  { args: ['backup', '--stdin', 'source'], says: /--stdin and a path contradict/ },
  { args: ['backup', '--stdin', '--files-from', 'x'], says: /--stdin and --files-from contradict/ },
  {
    args: ['backup', '--stdin'],
    env: { HOLDFAST_PASSWORD: '' },
    input: 'x',
    says: /cannot hold both the password and what is to be saved/,
  },
  { args: ['backup', '--stdin'], says: /standard input was empty, no snapshot was made/ },
  { args: ['backup', '--stdin-from-command'], says: /--stdin-from-command needs a command/ },
  {
    args: ['backup', '--stdin-from-command', '--', 'sh', '-c', 'echo half; exit 3'],
    says: /the command sh failed \(exit code 3\), no snapshot was made/,
  },
  { args: ['backup', '--stdin-from-command', '--', 'sh', '-c', 'echo half; kill -9 $$'], says: /ended by SIGKILL/ },
  { args: ['backup', '--stdin-from-command', '--', 'no-such-program-here'], says: /no-such-program-here cannot be found/ },
  { args: ['backup', '--files-from-raw', '-'], input: 'source', says: /does not end in a NUL byte/ },
  { args: ['ls'], says: /no snapshot is named/ },
  { args: ['ls', 'latest', 'relative'], says: /"relative" is no absolute path/ },
  { args: ['ls', 'latest:/nonexistent'], says: /the path \/nonexistent is not in the snapshot/ },
  { args: ['ls', 'latest:/source/file.txt'], says: /is no directory but a file/ },
  { args: ['ls', 'latest', '--host', 'unknown'], says: /no snapshot has host unknown/ },
  { args: ['find'], says: /nothing to search for is named/ },
  { args: ['find', '--blob', 'xyz'], says: /"xyz" is not the beginning of an id/ },
  { args: ['find', '--blob', '--tree', 'abcd'], says: /--blob, --tree and --pack contradict/ },
  { args: ['find', '--oldest', '2026-02-01', '--newest', '2026-01-01', 'x'], says: /--oldest is later than --newest/ },
  { args: ['find', '--pack', 'ffffffff'], says: /no pack of the index/ },
  { args: ['restore', 'latest'], says: /no directory to restore into is named/ },
  { args: ['restore', 'latest', '--target', 'plain-file'], says: /is not a directory/ },
  { args: ['restore', 'latest', '--target', 'x', '--include', 'a', '--exclude', 'b'], says: /exclude and include patterns/ },
  { args: ['restore', 'latest', '--target', 'x', '--overwrite', 'maybe'], says: /--overwrite cannot be "maybe"/ },
  { args: ['restore', 'latest', '--target', '/', '--delete'], says: /would remove the whole system/ },
  { args: ['restore', 'latest', '--target', 'x', '--verify', '--dry-run'], says: /dry run/ },
  { args: ['dump', 'latest'], says: /where the command takes SNAPSHOT PATH/ },
  { args: ['dump', 'latest', '/nonexistent'], says: /is not in the snapshot/ },
  { args: ['dump', 'latest', '/source/folder/pipe'], says: /is no directory but a fifo/ },
  { args: ['dump', 'latest', '/source', '--archive', 'rar'], says: /--archive cannot be "rar"/ },
  { args: ['dump', 'latest', '/source', '--target', '/nonexistent/x'], says: /--target cannot be written: ENOENT/ },
  { args: ['diff', 'latest'], says: /where the command takes SNAPSHOT SNAPSHOT/ },
  { args: ['diff', 'latest', 'ffff'], says: /no snapshot has an id/ },
  { args: ['stats', '--mode', 'all'], says: /--mode cannot be "all"/ },
  { args: ['cat'], says: /no kind of object is named/ },
  { args: ['cat', 'constructor'], says: /there is no object of the kind "constructor"/ },
  { args: ['cat', 'blob'], says: /cat blob needs exactly one id/ },
  { args: ['cat', 'blob', 'ffffffff'], says: /no blob has an id/ },
  { args: ['cat', 'config', 'x'], says: /cat config takes no id/ },
  { args: ['key', 'remove'], says: /where the command takes ID/ },
  { args: ['key', 'remove', 'ffffffff'], says: /no key has an id/ },
  { args: ['key', 'add', '--new-password-file', '/nonexistent'], says: /--new-password-file cannot be read/ },
  { args: ['check', 'x'], says: /takes no arguments/ },
  { args: ['version', 'x'], says: /takes no arguments/ },
];

// Several at once: nearly all of the time is the start of Node and the derivation of the key.
describe('bad input', { concurrency: 4 }, () => {
  for (const bad of badInputs.filter(({ args }) => args[0] !== 'key')) explains(bad);
});

// These want the repository for themselves, so none of the others may be at work.
describe('bad input about keys', () => {
  for (const bad of badInputs.filter(({ args }) => args[0] === 'key')) explains(bad);
});

function explains({ args, code = 1, says, env = {}, input }: (typeof badInputs)[number]): void {
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  it(`is explained: ${[...variables, 'holdfast', ...args].join(' ')}`, async () => {
    const result = await scene.holdfast(args, { env, ...(input === undefined ? {} : { input }) });
    assert.match(result.stderr, says);
    assert.match(result.stderr, /^(error|warning): /m);
    assert.doesNotMatch(result.stderr, /^\s+at |defect/m);
    assert.equal(result.code, code);
  });
}

describe('after bad input', () => {
  it('leaves no lock and no unfinished file behind', () => {
    assert.deepEqual(readdirSync(join(scene.repository, 'locks')), []);
    assert.deepEqual(readdirSync(join(scene.repository, 'tmp'), { recursive: true }), []);
  });

  it('is explained as JSON where that is asked for', async () => {
    const result = await scene.holdfast(['snapshots', '--json', '--repo', '/nonexistent']);
    assert.equal(result.stdout, '');
    const [error] = jsonOf(result.stderr);
    assert.equal(error?.['message_type'], 'exit_error');
    assert.equal(error?.['code'], 10);
    assert.equal(error?.['error_code'], 'repository-missing');
    assert.ok(error?.['hint']);
    assert.equal(jsonOf((await scene.holdfast(['--json', 'bakcup'])).stderr)[0]?.['error_code'], 'usage');
  });
});

describe('help', () => {
  it('is given for every command, wherever it is asked for', async () => {
    for (const args of [
      ['help', 'backup'],
      ['backup', '--help'],
      ['backup', '-h', '--no-such-option'],
      ['-h', 'backup'],
    ]) {
      const result = await scene.holdfast(args);
      assert.equal(result.code, 0);
      assert.match(result.stdout, /^Usage: holdfast backup \[OPTION\.\.\.\] \[PATH\.\.\.\]/, args.join(' '));
    }
    assert.match((await scene.holdfast(['key'])).stdout, /key passwd +change the password/);
    assert.match((await scene.holdfast(['help', 'key', 'add'])).stdout, /^Usage: holdfast key add/);
  });
});
