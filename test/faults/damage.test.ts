/** Every kind of file of a repository is harmed in every way, one at a time: a check has to find it and to say what it is. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import fc from 'fast-check';
import { HoldfastError } from '../../src/base/errors.ts';
import { checkRepository } from '../../src/repository/check/check-repository.ts';
import type { CheckReport } from '../../src/repository/check/report.ts';
import { openRepository } from '../../src/repository/open-repository.ts';
import { Repository } from '../../src/repository/repository.ts';
import type { FileKind } from '../../src/storage/backend.ts';
import { LocalBackend } from '../../src/storage/local/local-backend.ts';
import { holdfast, runHoldfast } from '../support/holdfast.ts';
import { localRepository, testPassword } from '../support/new-repository.ts';
import { newestRestic, type Peer, requirePeer, runRestic, systemRestic } from '../support/peers.ts';
import { pseudoRandomBytes } from '../support/pseudo-random.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const kindOfFolder: Readonly<Record<string, FileKind>> = { keys: 'key', index: 'index', snapshots: 'snapshot', data: 'pack' };

interface StoredPath {
  readonly kind: FileKind;
  /** Relative to the repository. */
  readonly path: string;
  readonly id: string;
}

type Writer = 'Holdfast' | 'restic';

/** Undefined: the file is removed. */
type Harm = (bytes: Buffer) => Buffer | undefined;

const flips: Readonly<Record<string, Harm>> = {
  'has its first bit flipped': (bytes) => flip(bytes, 0),
  'has a bit in the middle flipped': (bytes) => flip(bytes, bytes.length * 4),
  'has its last bit flipped': (bytes) => flip(bytes, bytes.length * 8 - 1),
};
const lengthHarms: Readonly<Record<string, Harm>> = {
  'lacks its last byte': (bytes) => bytes.subarray(0, -1),
  'lacks its second half': (bytes) => bytes.subarray(0, bytes.length >> 1),
  'is empty': () => Buffer.alloc(0),
  'has a byte too many': (bytes) => Buffer.concat([bytes, Buffer.of(0)]),
};
const removal: Readonly<Record<string, Harm>> = { 'is gone': () => undefined };

for (const writer of ['Holdfast', 'restic'] as const) {
  describe(`check of a damaged repository that ${writer} wrote`, () => {
    const cleanUps: (() => void)[] = [];
    let original = '';
    let opened: Awaited<ReturnType<typeof openRepository>> | undefined;
    let files: readonly StoredPath[] = [];

    before(async () => {
      if (writer === 'restic' && anyRestic() === undefined) return;
      original = join(temporaryFolder({ after: (work) => cleanUps.push(work) }), 'repository');
      await makeRepository(original, writer);
      files = filesOf(original);
      const backend = new LocalBackend({ path: original });
      opened = await openRepository(backend, { password: testPassword });
      await backend.close();
    });

    after(() => {
      for (const cleanUp of cleanUps) cleanUp();
    });

    /** Opened with the keys that were read before the damage, so that the check gets to what openings stumble over. */
    const checkCopy = async (copy: string, readData: boolean): Promise<CheckReport> => {
      assert.ok(opened);
      await using repository = new Repository({ ...opened, backend: new LocalBackend({ path: copy }) });
      return await checkRepository(repository, { readData, workerCount: 1 });
    };

    /** Harms every file of the kind, each in a repository that is whole but for it. */
    const harmEach = async (
      t: TestContext,
      kind: FileKind,
      harms: Readonly<Record<string, Harm>>,
      look: (copy: string, file: StoredPath, what: string) => Promise<void>,
    ): Promise<void> => {
      if (writer === 'restic' && anyRestic() === undefined && requirePeer(t, 'system restic') === undefined) return;
      const copy = join(temporaryFolder(t), 'copy');
      cpSync(original, copy, { recursive: true });
      const harmed = files.filter((file) => file.kind === kind);
      assert.ok(harmed.length > 0);
      for (const file of harmed) {
        const bytes = readFileSync(join(original, file.path));
        for (const [what, harm] of Object.entries(harms)) {
          overwrite(join(copy, file.path), harm(bytes));
          await look(copy, file, what);
        }
        overwrite(join(copy, file.path), bytes);
      }
      assert.equal((await checkCopy(copy, true)).errorCount, 0, 'the repository is whole again');
    };

    for (const kind of ['config', 'key', 'index', 'snapshot'] as const) {
      it(`names each ${kind} file that was changed`, async (t) => {
        await harmEach(t, kind, { ...flips, ...lengthHarms }, async (copy, file, what) => {
          const { errors } = await checkCopy(copy, false);
          const found = errors.find((problem) => problem.kind === kind);
          const name = kind === 'config' ? 'the config file' : `${kind} ${file.id}`;
          assert.ok(found?.message.startsWith(`${name} is damaged`), `${kind} ${what}: ${found?.message}`);
        });
      });
    }

    for (const kind of ['config', 'key'] as const) {
      it(`does not open when the ${kind} is damaged or gone, and says why`, async (t) => {
        await harmEach(t, kind, { ...flips, ...lengthHarms, ...removal }, async (copy, file, what) => {
          const error = await whyNotOpened(copy);
          assert.ok(error.code === 'damaged' || error.code === 'repository-missing', `${what}: ${error.code}`);
          assert.match(error.message, new RegExp(what === 'is gone' ? kind : `(${kind} ${file.id}|config)`, 'u'));
        });
      });
    }

    it('misses the blobs of an index that is gone', async (t) => {
      await harmEach(t, 'index', removal, async (copy) => {
        const { errors } = await checkCopy(copy, false);
        assert.match(errors.map((problem) => problem.message).join('\n'), /is in no index/u);
      });
    });

    it('cannot miss a snapshot file that is gone, but does not count it', async (t) => {
      const count = files.filter((file) => file.kind === 'snapshot').length;
      await harmEach(t, 'snapshot', removal, async (copy) => {
        const { errorCount, snapshotCount } = await checkCopy(copy, false);
        assert.deepEqual([errorCount, snapshotCount], [0, count - 1]);
      });
    });

    it('finds packs of a wrong length and packs that are gone without reading data', async (t) => {
      await harmEach(t, 'pack', { ...lengthHarms, ...removal }, async (copy, file, what) => {
        const { errors, brokenPacks } = await checkCopy(copy, false);
        assert.ok(
          errors.some((problem) => problem.kind === (what === 'is gone' ? 'pack-missing' : 'pack-size')),
          what,
        );
        assert.deepEqual(brokenPacks, [file.id]);
      });
    });

    it('finds packs that were changed in any way when it reads the data', async (t) => {
      await harmEach(t, 'pack', { ...flips, ...lengthHarms }, async (copy, file, what) => {
        const { errors, brokenPacks } = await checkCopy(copy, true);
        assert.ok(
          errors.some((problem) => problem.message.includes(`pack ${file.id}`)),
          what,
        );
        assert.deepEqual(brokenPacks, [file.id]);
      });
    });

    it('finds any flipped bit of a pack when it reads the data', async (t) => {
      if (writer === 'restic' && anyRestic() === undefined && requirePeer(t, 'system restic') === undefined) return;
      const copy = join(temporaryFolder(t), 'copy');
      cpSync(original, copy, { recursive: true });
      const packs = files.filter((file) => file.kind === 'pack');
      const anyBit = fc.tuple(fc.constantFrom(...packs), fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }));
      await fc.assert(
        fc.asyncProperty(anyBit, async ([pack, place]) => {
          const path = join(copy, pack.path);
          const bytes = readFileSync(path);
          overwrite(path, flip(bytes, Math.floor(place * bytes.length * 8)));
          const { brokenPacks } = await checkCopy(copy, true);
          overwrite(path, bytes);
          assert.deepEqual(brokenPacks, [pack.id]);
        }),
        { numRuns: 15 },
      );
    });

    it('does not wait for a named pipe that stands in the place of a pack', async (t) => {
      await harmEach(t, 'pack', removal, async (copy, file) => {
        assert.equal(spawnSync('mkfifo', [join(copy, file.path)]).status, 0);
        const { brokenPacks } = await checkCopy(copy, true);
        assert.deepEqual(brokenPacks, [file.id]);
        rmSync(join(copy, file.path));
      });
    });
  });
}

describe('holdfast check', () => {
  it('ends with code 1, names what is damaged, and shows no stack', async (t) => {
    const path = join(temporaryFolder(t), 'repository');
    await makeRepository(path, 'Holdfast');
    const files = filesOf(path);
    for (const kind of ['index', 'snapshot', 'pack'] as const) {
      const file = files.find((candidate) => candidate.kind === kind);
      assert.ok(file);
      const bytes = readFileSync(join(path, file.path));
      overwrite(join(path, file.path), flip(bytes, bytes.length * 4));
      const result = await runHoldfast(path, ['check', '--read-data']);
      overwrite(join(path, file.path), bytes);
      assert.equal(result.code, 1, file.path);
      assert.ok((result.stdout + result.stderr).includes(file.id), file.path);
      assert.doesNotMatch(result.stdout + result.stderr, /^\s+at /mu);
    }
    await holdfast(path, ['check', '--read-data']);
  });

  it('warns of a lock that cannot be read, and finds nothing else wrong', async (t) => {
    const path = join(temporaryFolder(t), 'repository');
    await using repository = await localRepository(path);
    writeFileSync(join(path, 'locks', 'ab'.repeat(32)), 'no lock at all, but not empty either');
    const report = await checkRepository(repository, { readData: true, workerCount: 1 });
    assert.equal(report.errorCount, 0);
    assert.deepEqual(
      report.warnings.map(({ kind, context }) => [kind, context['lock']]),
      [['lock', 'ab'.repeat(32)]],
    );
  });
});

/** What both write is the same format, so that one of them will do. */
function anyRestic(): Peer | undefined {
  return newestRestic() ?? systemRestic();
}

/** Two snapshots, so that there are several packs and indexes, and trees that both use. */
async function makeRepository(path: string, writer: Writer): Promise<void> {
  await (await localRepository(path)).close();
  const source = `${path}-source`;
  mkdirSync(join(source, 'folder', 'inner'), { recursive: true });
  writeFileSync(join(source, 'random'), pseudoRandomBytes(1_500_000, 1));
  writeFileSync(join(source, 'folder', 'text'), 'the same line\n'.repeat(9000));
  writeFileSync(join(source, 'folder', 'inner', 'empty'), '');
  await backUp(path, source, writer);
  writeFileSync(join(source, 'folder', 'inner', 'new'), pseudoRandomBytes(70_000, 2));
  await backUp(path, source, writer);
}

async function backUp(path: string, source: string, writer: Writer): Promise<void> {
  if (writer === 'Holdfast') await holdfast(path, ['backup', source]);
  else assert.equal((await runRestic(anyRestic()?.path ?? '', path, testPassword, ['backup', '--no-cache', source])).code, 0);
}

function filesOf(repository: string): StoredPath[] {
  const files: StoredPath[] = [{ kind: 'config', path: 'config', id: '' }];
  for (const [folder, kind] of Object.entries(kindOfFolder)) {
    const names = readdirSync(join(repository, folder), { recursive: true }).map(String);
    for (const name of names.filter((candidate) => /[0-9a-f]{64}$/u.test(candidate))) {
      files.push({ kind, path: join(folder, name), id: name.slice(-64) });
    }
  }
  return files;
}

async function whyNotOpened(path: string): Promise<HoldfastError> {
  try {
    await using _repository = await Repository.open(new LocalBackend({ path }), { password: testPassword });
  } catch (error) {
    assert.ok(error instanceof HoldfastError, String(error));
    return error;
  }
  return assert.fail('it opened');
}

/** restic makes its files read-only: they are replaced, not written to. */
function overwrite(path: string, bytes: Buffer | undefined): void {
  rmSync(path, { force: true });
  if (bytes !== undefined) writeFileSync(path, bytes);
}

function flip(bytes: Buffer, bit: number): Buffer {
  const flipped = Buffer.from(bytes);
  flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return flipped;
}
