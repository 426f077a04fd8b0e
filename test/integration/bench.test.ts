/** script/bench measures what it says: its data is the same in every run, its arithmetic is right, and it works from end to end. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parseBenchOptions } from '../bench/bench-options.ts';
import { corpusNames, makeCorpus } from '../bench/corpora.ts';
import { lifeNames } from '../bench/life/names.ts';
import { firstDifference, listTree, treeSize } from '../bench/listing.ts';
import { mergeOutcomes } from '../bench/outcome.ts';
import { groupNames, type Measurement } from '../bench/measurement.ts';
import { markers, withTables } from '../bench/performance-page.ts';
import { arrange } from '../bench/room.ts';
import { compareRounds, median } from '../bench/statistics.ts';
import { requireCommand, requirePeer, run } from '../support/peers.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

describe('the data', () => {
  for (const name of corpusNames.filter((corpus) => corpus !== 'usr')) {
    it(`${name} is the same in every run, and as large as planned`, (t) => {
      const [one, other] = [temporaryFolder(t), temporaryFolder(t)];
      const corpus = makeCorpus(name, 0.002);
      corpus.ensure(one);
      corpus.ensure(other);
      const listing = listTree(corpus.pathIn(one));
      assert.deepEqual(listing, listTree(corpus.pathIn(other)));
      assert.equal(treeSize(corpus.pathIn(one)).bytes, corpus.bytes);
      assert.ok(listing.length > (name === 'small-files' ? 270 : 1));
    });
  }

  it('a listing shows another time and another byte', (t) => {
    const folder = temporaryFolder(t);
    const file = join(folder, 'file');
    const listingOf = (content: string, seconds: number) => {
      writeFileSync(file, content);
      utimesSync(file, seconds, seconds);
      utimesSync(folder, 1, 1);
      return listTree(folder);
    };
    const before = listingOf('abc', 1000);
    assert.equal(firstDifference(before, listingOf('abc', 1000)), undefined);
    assert.match(firstDifference(before, listingOf('abc', 1001)) ?? '', /1001000000000/u);
    assert.match(firstDifference(before, listingOf('abd', 1000)) ?? '', /^expected \/file/u);
    rmSync(file);
    utimesSync(folder, 1, 1);
    assert.match(firstDifference(before, listTree(folder)) ?? '', /found nothing/u);
    assert.match(firstDifference(listTree(folder), before) ?? '', /surplus/u);
  });
});

describe('the arithmetic', () => {
  it('a median of an even number of values is the mean of the middle two', () => {
    assert.equal(median([4, 1, 3]), 3);
    assert.equal(median([8, 1, 3, 4]), 3.5);
  });

  it('ratios are taken round by round', () => {
    const measured = (contestant: Measurement['contestant'], round: number, wallSeconds: number): Measurement => {
      const rest = { cpuSeconds: wallSeconds * 2, peakBytes: 100, repositoryBytes: contestant === 'restic' ? 200 : 190 };
      return { place: 'memory', corpus: 'usr', operation: 'backup', round, contestant, wallSeconds, ...rest };
    };
    // The second round was slow for both: the ratio of the medians would be another one.
    const rounds = [measured('restic', 1, 9), measured('holdfast', 1, 3), measured('holdfast', 2, 10), measured('restic', 2, 20)];
    const [comparison, ...others] = compareRounds([...rounds, measured('restic', 3, 8), measured('holdfast', 3, 2)]);
    assert.equal(others.length, 0);
    assert.deepEqual(comparison?.speedup, { median: 3, least: 2, most: 4 });
    assert.deepEqual(comparison.cpu, { median: 1 / 3, least: 1 / 4, most: 1 / 2 });
    assert.equal(comparison.repository?.median, 0.95);
    assert.equal(comparison.medians.restic.wallSeconds, 9);
  });
});

describe('the arrangement', () => {
  const billion = 1e9;
  const corpus = { ...makeCorpus('one-file', 0.001), bytes: 8 * billion, storedShare: 1 };

  it('is interleaved where two repositories find room, and gives up the corpus before anything is scaled down', () => {
    assert.deepEqual(arrange(corpus, 32 * billion), { isInterleaved: true, removesCorpus: false });
    assert.deepEqual(arrange(corpus, 31 * billion), { isInterleaved: false, removesCorpus: false });
    assert.deepEqual(arrange(corpus, 23 * billion), { isInterleaved: false, removesCorpus: true });
    assert.deepEqual(arrange(corpus, 17 * billion), { isInterleaved: false, removesCorpus: true });
    const scaled = arrange(corpus, 8 * billion);
    assert.ok('fittingShare' in scaled && scaled.fittingShare > 0.46 && scaled.fittingShare < 0.5);
  });

  it('what it says would find room does find room', () => {
    for (const bytes of [1e6, 1e8, 1e9, 8e9]) {
      for (const free of [0.3, 0.9, 1.5, 1.9].map((factor) => factor * bytes)) {
        const outcome = arrange({ ...corpus, bytes }, free);
        const share = 'fittingShare' in outcome ? outcome.fittingShare : 1;
        assert.ok(share > 0 && !('fittingShare' in arrange({ ...corpus, bytes: bytes * share * 0.95 }, free)), `${bytes} ${free}`);
      }
    }
  });

  it('never removes data that was not generated', () => {
    assert.ok('fittingShare' in arrange({ ...corpus, isGenerated: false }, 15.9 * billion));
    assert.deepEqual(arrange({ ...corpus, isGenerated: false }, 16 * billion), { isInterleaved: false, removesCorpus: false });
  });
});

describe('several runs', () => {
  const conditions = {
    date: '2026-01-01',
    machine: 'here',
    versions: ['a 1'],
    fileSystems: { memory: 'tmpfs' },
    corpora: [],
    notes: ['x'],
  };
  const measured = (place: Measurement['place']): Measurement[] =>
    (['restic', 'holdfast'] as const).map((contestant) => {
      const figures = { wallSeconds: 1, cpuSeconds: 1, peakBytes: 1 };
      return { place, corpus: 'usr', operation: 'restore', round: 1, contestant, ...figures };
    });

  it('become one when they are about the same, and are refused when they are not', () => {
    const one = { conditions, measurements: measured('memory') };
    const other = { conditions: { ...conditions, date: '2026-01-02', fileSystems: { disk: 'btrfs' } }, measurements: measured('disk') };
    const merged = mergeOutcomes([one, other]);
    assert.equal(merged.measurements.length, 4);
    const { date, fileSystems, notes } = merged.conditions;
    assert.deepEqual({ date, fileSystems, notes }, { date: '2026-01-02', fileSystems: { memory: 'tmpfs', disk: 'btrfs' }, notes: ['x'] });
    assert.throws(() => mergeOutcomes([one, one]), /both runs have measured memory usr restore/u);
    assert.throws(() => mergeOutcomes([one, { ...other, conditions: { ...conditions, versions: ['a 2'] } }]), /runs that differ/u);
  });
});

describe('the page', () => {
  it('gets the tables between its markers and keeps the rest', () => {
    const { backup, life } = markers;
    const section = ({ beginMarker, endMarker }: typeof life, text: string) => `${beginMarker}${text}${endMarker}\n`;
    const page = `before\n${section(backup, '\nold\n')}between\n${section(life, '\nold\n')}after\n`;
    const expected = `before\n${section(backup, '\nold\n')}between\n${section(life, '\n\nnew\n\n')}after\n`;
    assert.equal(withTables(page, 'life', 'new\n'), expected);
    assert.throws(() => withTables(section(backup, ''), 'life', 'new'), /needs one line/u);
  });

  it('docs/performance.md has the markers', () => {
    for (const group of groupNames) withTables(readFileSync(join(root, 'docs/performance.md'), 'utf8'), group, '');
  });
});

describe('the options', () => {
  it('a quick run leaves /usr out unless it is named', () => {
    assert.deepEqual(parseBenchOptions(['--quick'])?.corpora, ['small-files', 'large-files', 'one-file']);
    assert.deepEqual(parseBenchOptions(['--quick', '--corpus', 'usr'])?.corpora, ['usr']);
    assert.deepEqual(parseBenchOptions([])?.corpora, corpusNames);
  });

  it('a group has its own data, and data that was named is all there is', () => {
    const chosen = (...args: string[]) => {
      const { corpora, lifeCorpora } = parseBenchOptions(args) ?? {};
      return [corpora, lifeCorpora];
    };
    assert.deepEqual(chosen(), [corpusNames, lifeNames]);
    assert.deepEqual(chosen('--group', 'backup'), [corpusNames, []]);
    assert.deepEqual(chosen('--group', 'life'), [[], lifeNames]);
    assert.deepEqual(chosen('--corpus', 'many-snapshots', '--corpus', 'one-file'), [['one-file'], ['many-snapshots']]);
    assert.throws(() => chosen('--group', 'life', '--corpus', 'usr'), /--corpus cannot be usr: changing-tree, many-snapshots/u);
    assert.throws(() => chosen('--group', 'death'), /--group cannot be death: backup, life/u);
  });
});

it('a tiny run measures both programs and verifies what they did', async (t) => {
  if (requirePeer(t, 'newest restic') === undefined || !requireCommand(t, '/usr/bin/time')) return;
  const raw = join(temporaryFolder(t), 'raw.json');
  const memory = ['/dev/shm', '/run'].find((folder) => existsSync(folder)) ?? '';
  const options = ['--scale', '0.001', '--rounds', '1', '--corpus', 'small-files', '--place', 'memory', '--memory', memory];
  const result = await run(join(root, 'script/bench'), [...options, '--holdfast', join(root, 'bin/holdfast'), '--raw', raw]);
  assert.equal(result.code, 0, result.stderr);
  assert.match(result.stderr, /restic check --read-data finds no error/u);
  const { measurements } = JSON.parse(readFileSync(raw, 'utf8')) as { measurements: Measurement[] };
  assert.deepEqual(
    measurements.map(({ contestant, operation }) => `${contestant} ${operation}`),
    ['backup', 'again', 'check', 'restore'].flatMap((operation) => [`restic ${operation}`, `holdfast ${operation}`]),
  );
  assert.ok(measurements.every(({ cpuSeconds, peakBytes }) => cpuSeconds > 0 && peakBytes > 1e6));
});
