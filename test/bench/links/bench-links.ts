/**
 * Backup, unchanged second backup and restore over links to servers, beside restic: `script/bench links`. Each repository is new; restic's
 * last word is a check of what Holdfast wrote.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { newestRestic } from '../../support/peers.ts';
import { argumentsFor, type Contestant, contestant, environmentOf, operationTitles } from '../contestants.ts';
import { type Corpus, makeCorpus } from '../corpora.ts';
import { firstDifference, listTree } from '../listing.ts';
import { describeMachine } from '../machine.ts';
import { measure } from '../measure.ts';
import { installPacked } from '../packed-holdfast.ts';
import { replaceBetween } from '../performance-page.ts';
import { removeTree } from '../place.ts';
import { median } from '../statistics.ts';
import { type Link, links, openLink } from './links.ts';
import { type LinkServer, serverNames, startServer } from './servers.ts';

const checkout = fileURLToPath(new URL('../../../', import.meta.url));
const page = join(checkout, 'docs/performance.md');
const markers = { beginMarker: '<!-- bench links: begin -->', endMarker: '<!-- bench links: end -->' };
const operations = ['backup', 'again', 'restore'] as const;
/** Of the bench's small files and of its large ones: 27,000 files, and 500 MB. */
const corpusScale = 0.2;

interface Timing {
  readonly server: string;
  readonly link: string;
  readonly corpus: string;
  readonly operation: (typeof operations)[number];
  /** Seconds, in the order of the rounds. */
  readonly restic: number[];
  readonly holdfast: number[];
}

interface Scene {
  readonly contestants: readonly Contestant[];
  readonly folder: string;
  readonly rounds: number;
  readonly scale: number;
}

const usage = `Usage: script/bench links [OPTION...]

Runs Holdfast and the newest restic in alternation over links to servers on this machine: backup, unchanged second backup, restore.

  --server NAME     only rest, sftp or s3; may be given several times
  --rounds N        rounds of each (default: 2)
  --scale FACTOR    that part of the data, as in 0.1
  --holdfast FILE   measure this holdfast instead of packing the checkout
  --write           put the table into docs/performance.md
`;

/** @returns the exit code */
export async function benchLinks(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      help: { type: 'boolean', short: 'h', default: false },
      rounds: { type: 'string', default: '2' },
      scale: { type: 'string', default: '1' },
      server: { type: 'string', multiple: true, default: [...serverNames] },
      holdfast: { type: 'string' },
      write: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(usage);
    return 0;
  }
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-bench-links-'));
  try {
    const contestants = bringContestants(values.holdfast, folder);
    const scene = { contestants, folder, rounds: Number(values.rounds), scale: Number(values.scale) };
    const timings: Timing[] = [];
    for (const name of serverNames.filter((name) => values.server.includes(name))) {
      const server = await startServer(name, folder);
      if (typeof server === 'string') {
        console.error(`${name} is left out: ${server}`);
        continue;
      }
      await using _ = server;
      for (const link of links) timings.push(...(await measureLink(scene, server, link)));
    }
    const text = render(contestants, timings);
    console.log(text);
    if (values.write) writeFileSync(page, replaceBetween(readFileSync(page, 'utf8'), markers, text));
    return 0;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function bringContestants(holdfast: string | undefined, scratch: string): Contestant[] {
  const restic = newestRestic();
  if (restic === undefined) throw new Error('the newest restic is not on this machine');
  return [contestant('restic', restic.path), contestant('holdfast', holdfast ?? installPacked(checkout, scratch))];
}

async function measureLink(scene: Scene, server: LinkServer, link: Link): Promise<Timing[]> {
  using way = await openLink(link, server.port);
  const timings: Timing[] = [];
  for (const name of ['small-files', 'large-files'] as const) {
    const corpus = makeCorpus(name, corpusScale * link.scale * scene.scale);
    const place = join(scene.folder, link.name.replaceAll(/\W+/g, '-'));
    corpus.ensure(place);
    const described = `${name}, ${(corpus.bytes / 1e6).toFixed(0)} MB`;
    const ofCorpus = operations.map(
      (operation): Timing => ({ server: server.name, link: link.name, corpus: described, operation, restic: [], holdfast: [] }),
    );
    for (let round = 1; round <= scene.rounds; round++)
      runRound(scene, { server, port: way.port, corpus, place, timings: ofCorpus, round });
    timings.push(...ofCorpus);
    removeTree(corpus.pathIn(place));
  }
  return timings;
}

interface RoundPlan {
  readonly server: LinkServer;
  readonly port: number;
  readonly corpus: Corpus;
  readonly place: string;
  readonly timings: readonly Timing[];
  readonly round: number;
}

function runRound({ contestants, folder }: Scene, { server, port, corpus, place, timings, round }: RoundPlan): void {
  const order = round % 2 === 1 ? contestants : contestants.toReversed();
  const path = corpus.pathIn(place);
  const expected = listTree(path);
  const runs = order.map((one) => {
    const home = environmentOf(one, folder);
    const reached = server.reach(one.name, `${one.name}${Date.now().toString(36)}`, port);
    const env = { ...home, ...reached.environment, TMPDIR: folder, RESTIC_REPOSITORY: reached.location };
    const run = (program: string, args: readonly string[]) => measure(program, [...args, ...reached.args], env, folder);
    run(one.program, ['init']);
    return { one, run };
  });
  for (const timing of timings) {
    for (const { one, run } of runs) {
      const target = join(folder, 'restored');
      const { wallSeconds } = run(one.program, argumentsFor(timing.operation, path, target));
      timing[one.name].push(wallSeconds);
      console.error(
        `  ${timing.server}, ${timing.link}, ${timing.corpus}, round ${round}: ${one.name} ${timing.operation} ${wallSeconds.toFixed(2)} s`,
      );
      if (timing.operation !== 'restore') continue;
      const difference = firstDifference(expected, listTree(join(target, path)));
      if (difference !== undefined) throw new Error(`what ${one.name} restored differs: ${difference}`);
      removeTree(target);
    }
  }
  proveWithRestic(contestants, server, runs.find(({ one }) => one.name === 'holdfast')?.run);
}

function proveWithRestic(
  contestants: readonly Contestant[],
  server: LinkServer,
  run: ((program: string, args: readonly string[]) => unknown) | undefined,
): void {
  const restic = contestants.find(({ name }) => name === 'restic');
  // Its way through SSH takes other options than ours.
  if (restic === undefined || run === undefined || server.name.startsWith('sftp')) return;
  run(restic.program, ['check', '--read-data', '--no-cache']);
}

function render(contestants: readonly Contestant[], timings: readonly Timing[]): string {
  const date = new Date().toISOString().slice(0, 10);
  const versions = contestants.map(({ version }) => version).toReversed();
  return [
    `Measured on ${date} with ${versions.join(', ')}, Node ${process.versions.node} on ${describeMachine()}; server, link and programs on that one machine.`,
    '',
    '| server | link | corpus | work | restic → Holdfast | times as fast (each round) |',
    '|---|---|---|---|---:|---:|',
    ...timings.map(({ server, link, corpus, operation, restic, holdfast }) => {
      const ratios = holdfast.map((seconds, round) => (restic[round] ?? Number.NaN) / seconds);
      const both = `${median(restic).toFixed(2)} s → ${median(holdfast).toFixed(2)} s`;
      const title = operationTitles[operation];
      return `| ${server} | ${link} | ${corpus} | ${title} | ${both} | ${median(ratios).toFixed(2)} (${ratios.map((one) => one.toFixed(2)).join(', ')}) |`;
    }),
  ].join('\n');
}
