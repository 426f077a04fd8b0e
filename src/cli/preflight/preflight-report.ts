/** How the lines of a preflight are told, to people and to programs. */
import type { PreflightLine, PreflightReport, Verdict } from '../../app/preflight/preflight-line.ts';
import type { Output } from '../output.ts';

const verdictWidth = 8;
const topicWidth = 11;
const words: Readonly<Record<Verdict, string>> = { ok: 'ok', warning: 'warning', failed: 'FAILED', unknown: 'unknown', skipped: 'skipped' };

export function showLine(output: Output, line: PreflightLine): void {
  if (output.isJson) output.json(lineJson(line));
  else for (const text of lineTexts(line)) output.line(text);
}

function lineTexts({ verdict, topic, fact, hint }: PreflightLine): string[] {
  const first = `${words[verdict].padEnd(verdictWidth)} ${topic.padEnd(topicWidth)} ${fact}`;
  return hint === undefined ? [first] : [first, `${' '.repeat(verdictWidth + topicWidth + 2)}hint: ${hint}`];
}

function lineJson({ topic, verdict, isNeeded, fact, hint, code, values = {} }: PreflightLine): object {
  const measured = Object.entries(values).map(([name, value]) => [snakeCase(name), value] as const);
  return {
    message_type: 'preflight',
    topic,
    verdict,
    needed: isNeeded,
    fact,
    ...(hint === undefined ? {} : { hint }),
    ...(code === undefined ? {} : { error_code: code }),
    ...(measured.length === 0 ? {} : { values: Object.fromEntries<number | string | boolean>(measured) }),
  };
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

export function showVerdict(output: Output, location: string, report: PreflightReport): void {
  const { rights, hasRepository, isFit, lines } = report;
  const counted = (verdict: Verdict): number => lines.filter((line) => line.verdict === verdict).length;
  if (output.isJson) {
    output.json({
      message_type: 'summary',
      repository: location,
      fit: isFit,
      rights,
      ...(hasRepository === undefined ? {} : { has_repository: hasRepository }),
      warning_count: counted('warning'),
      failed_count: counted('failed'),
    });
  } else if (isFit) {
    const warnings = counted('warning');
    output.say('');
    output.say(
      `${location} is fit for a repository${warnings === 0 ? '' : `; ${warnings} warning${warnings === 1 ? '' : 's'}`} (${rightsText(rights)})`,
    );
  }
}

function rightsText(rights: PreflightReport['rights']): string {
  return rights === 'unknown' ? 'writing was not tried' : rights === 'full' ? 'full rights' : rights;
}
