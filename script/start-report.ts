/** Turns what the demonstration measured into a page that a person reads. */

type Summary = Readonly<Record<string, number>>;

export interface Measured {
  /** As in 'holdfast 0.1.0'. */
  readonly version: string;
  readonly node: string;
  readonly cores: number;
  readonly folder: string;
  readonly repository: string;
  readonly passwordFile: string;
  readonly repositoryBytes: number;
  /** Summaries have the names of restic's JSON output; bytes and seconds. */
  readonly first: { readonly summary: Summary; readonly failures: number };
  readonly again: { readonly summary: Summary; readonly failures: number };
  /** Absent where the disk has no room for it. */
  readonly restore?: {
    readonly summary: Summary;
    readonly failures: number;
    readonly seconds: number;
    readonly differences: readonly string[];
  };
  readonly check: { readonly seconds: number };
}

const shownDifferences = 5;

export function report(measured: Measured): string {
  return [
    '',
    `${measured.version} on Node ${measured.node.slice(1)} with ${measured.cores} cores`,
    '',
    ...backupLines('first backup', measured.first),
    ...backupLines('second backup', measured.again),
    ...restoreLines(measured),
    row('check --read-data', seconds(measured.check.seconds), rate(measured.repositoryBytes, measured.check.seconds), 'no error'),
    '',
    ...sizeLines(measured),
    '',
    ...nextLines(measured),
  ].join('\n');
}

function backupLines(title: string, { summary, failures }: Measured['first']): string[] {
  const time = number(summary, 'total_duration');
  const isFirst = number(summary, 'files_unmodified') === 0;
  const files = isFirst
    ? `${count(number(summary, 'files_new'))} files, ${size(number(summary, 'total_bytes_processed'))}`
    : `${count(number(summary, 'files_unmodified'))} files unchanged, ${count(number(summary, 'files_changed'))} changed, ` +
      `${count(number(summary, 'files_new'))} new, ${size(number(summary, 'data_added_packed'))} added`;
  return [row(title, seconds(time), rate(number(summary, 'total_bytes_processed'), time), files), ...failureLine(failures)];
}

function restoreLines({ restore }: Measured): string[] {
  if (restore === undefined) return [row('restore', '', '', 'left out: the disk has no room for a second copy')];
  const { summary, failures, seconds: time, differences } = restore;
  const verdict =
    differences.length === 0
      ? 'diff found no difference to the originals'
      : `diff found ${count(differences.length)} differences (files that changed meanwhile?):`;
  return [
    row(
      'restore --verify',
      seconds(time),
      rate(number(summary, 'bytes_restored'), time),
      `${count(number(summary, 'files_restored'))} items, ${size(number(summary, 'bytes_restored'))}`,
    ),
    ...failureLine(failures),
    row('compare', '', '', verdict),
    ...differences.slice(0, shownDifferences).map((line) => `      ${line}`),
  ];
}

function failureLine(failures: number): string[] {
  return failures === 0 ? [] : [`      ${count(failures)} items could not be read or written with this user's rights`];
}

function sizeLines({ first: { summary }, repositoryBytes }: Measured): string[] {
  const processed = number(summary, 'total_bytes_processed');
  const added = number(summary, 'data_added');
  const packed = number(summary, 'data_added_packed');
  return [
    `The repository takes ${size(repositoryBytes)} for two backups of ${size(processed)}.`,
    `Deduplication left ${size(added)} of the first (${factor(processed, added)}), compression ${size(packed)} (${factor(added, packed)}).`,
  ];
}

function nextLines({ folder, repository, passwordFile }: Measured): string[] {
  return [
    'Next, look around in it:',
    `  export HOLDFAST_REPOSITORY=${repository} HOLDFAST_PASSWORD_FILE=${passwordFile}`,
    '  bin/holdfast snapshots',
    '  bin/holdfast ls latest',
    '  bin/holdfast help',
    `restic reads it too: restic -r ${repository} -p ${passwordFile} snapshots`,
    'When done, remove it:',
    `  rm -rf ${folder}`,
  ];
}

function row(title: string, time: string, speed: string, text: string): string {
  return `  ${title.padEnd(18)}${time.padStart(8)}${speed.padStart(11)}   ${text}`;
}

function number(summary: Summary, name: string): number {
  return summary[name] ?? 0;
}

function factor(before: number, after: number): string {
  return after === 0 ? 'nothing' : `${(before / after).toFixed(2)} to 1`;
}

function seconds(value: number): string {
  return `${value.toFixed(value < 10 ? 2 : 1)} s`;
}

function rate(bytes: number, time: number): string {
  return time === 0 ? '' : `${Math.round(bytes / time / 1e6)} MB/s`;
}

/** Decimal units, as disks are sold. */
function size(bytes: number): string {
  if (bytes >= 1e9) return `${(bytes / 1e9).toFixed(2)} GB`;
  if (bytes >= 1e6) return `${(bytes / 1e6).toFixed(1)} MB`;
  return `${(bytes / 1e3).toFixed(1)} kB`;
}

function count(value: number): string {
  return value.toLocaleString('en-US');
}
