import { HoldfastError } from '../../base/errors.ts';
import { checkRepository } from '../../repository/check/check-repository.ts';
import type { CheckReport } from '../../repository/check/report.ts';
import { chooseData, type DataChoice } from '../check/data-choice.ts';
import { ProofRecord, type ProofState } from '../check/proof-record.ts';
import type { Output } from '../output.ts';
import { adviceFor } from '../render/check-advice.ts';
import { count, formatBytes, formatLocalTime, formatPercent, formatSeconds } from '../render/format.ts';
import { type RepositorySession, withReadLock } from '../repository-session.ts';
import { exactArguments } from '../snapshot-choice.ts';
import { type CommandContext, defineCommand } from './command.ts';

export const check = defineCommand({
  synopsis: '[OPTION...]',
  details: [
    'Tests the repository: that everything snapshots refer to is there and fits together. With --read-data every byte of every pack is read and compared with its digest, which takes as long as reading the whole repository.',
    'A part of it each time does in the end the same. --read-data-subset reads a fixed part (1/7 on Mondays, 2/7 on Tuesdays), or a random one. --read-data-oldest goes round: it reads what this machine has not proved for the longest time.',
  ],
  examples: [
    'holdfast check',
    'holdfast check --read-data',
    'holdfast check --read-data-subset 1/7',
    'holdfast check --read-data-oldest 20G',
  ],
  options: {
    'read-data': { kind: 'flag', description: 'read all packs and prove every byte' },
    'read-data-subset': {
      kind: 'text',
      valueName: 'SUBSET',
      description: 'read a part of the packs: n/t for the n-th of t parts, 2.5% or 10G for random ones',
    },
    'read-data-oldest': {
      kind: 'size',
      valueName: 'SIZE',
      description: 'read as much of those packs that were proved longest ago, or never, on this machine',
    },
    'with-cache': { kind: 'flag', description: 'trust the cache of this machine; otherwise an empty one is used' },
  },
  async run(context, values, positionals) {
    exactArguments(positionals, []);
    const data = chooseData(values);
    const result = await withReadLock(
      context,
      async (session) => {
        context.output.sayMore(`checking ${session.repository.backend.location}`);
        return await runCheck(context, session, data);
      },
      values['with-cache'] ? 'usual' : 'temporary',
    );
    context.endProgress();
    show(context.output, result);
    const { report } = result;
    if (report.errorCount === 0) return 0;
    throw new HoldfastError('check-failed', `the repository has ${count(report.errorCount, 'error')}`, { hint: adviceFor(report) });
  },
});

interface CheckResult {
  readonly report: CheckReport;
  /** Data was to be read. */
  readonly withData: boolean;
  /** When data was read and there is a memory of it. */
  readonly proofs: ProofState | undefined;
}

async function runCheck(context: CommandContext, { repository, signal }: RepositorySession, data: DataChoice): Promise<CheckResult> {
  const { events, clock } = context;
  if (data.kind === 'none')
    return { report: await checkRepository(repository, { readData: false, signal, events, clock }), withData: false, proofs: undefined };
  const record = await ProofRecord.open(context, data, repository.config.id);
  try {
    const { choosePacks, onProved } = record;
    const report = await checkRepository(repository, { readData: true, choosePacks, onProved, signal, events, clock });
    return { report, withData: true, proofs: record.state };
  } finally {
    await record.close();
  }
}

function show(output: Output, { report, withData, proofs }: CheckResult): void {
  if (output.isJson) return output.json({ ...summaryJson(report), ...(withData ? dataJson(report, proofs) : {}) });
  for (const { message } of report.hints) output.say(`note: ${message}`);
  output.say(
    `checked ${count(report.snapshotCount, 'snapshot')}, ${count(report.treeCount, 'tree')}, ${count(report.blobCount, 'blob')}, ${count(report.packCount, 'pack')} in ${formatSeconds(report.secondsElapsed)}`,
  );
  if (withData) for (const line of dataLines(report, proofs)) output.say(line);
  if (report.unusedBlobCount > 0)
    output.sayMore(`${count(report.unusedBlobCount, 'blob')} (${formatBytes(report.unusedBytes)}) are used by no snapshot`);
  if (report.errorCount === 0) output.say('no errors were found');
}

function summaryJson(report: CheckReport): object {
  return {
    message_type: 'summary',
    num_errors: report.errorCount,
    broken_packs: report.brokenPacks.length === 0 ? null : report.brokenPacks,
    suggest_repair_index: report.suggestRepairIndex,
    suggest_prune: report.suggestPrune,
  };
}

function dataJson({ packCount, packsRead, storedBytes, bytesRead }: CheckReport, proofs: ProofState | undefined): object {
  const { neverProvedCount, oldestProofMs } = proofs ?? {};
  return {
    packs_total: packCount,
    packs_read: packsRead,
    bytes_total: storedBytes,
    bytes_read: bytesRead,
    ...(neverProvedCount === undefined ? {} : { packs_never_proved: neverProvedCount }),
    ...(oldestProofMs === undefined ? {} : { oldest_proof: new Date(oldestProofMs).toISOString() }),
  };
}

function dataLines({ packCount, packsRead, storedBytes, bytesRead }: CheckReport, proofs: ProofState | undefined): string[] {
  if (packsRead === packCount) return [`read ${formatBytes(bytesRead)} of data`];
  const share = formatPercent(bytesRead, storedBytes);
  return [
    `read ${formatBytes(bytesRead)} of data: ${packsRead} of ${count(packCount, 'pack')}, ${share} of ${formatBytes(storedBytes)}`,
    ...(proofs === undefined ? [] : [memoryLine(proofs)]),
  ];
}

function memoryLine({ neverProvedCount, oldestProofMs }: ProofState): string {
  if (oldestProofMs !== undefined) return `this machine has proved every pack since ${formatLocalTime(oldestProofMs)}`;
  return `${count(neverProvedCount, 'pack')} ${neverProvedCount === 1 ? 'was' : 'were'} never proved by this machine`;
}
