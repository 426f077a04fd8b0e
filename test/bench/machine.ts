/** What was measured on. */
import { readFileSync } from 'node:fs';
import { arch, availableParallelism, cpus, loadavg, release, totalmem } from 'node:os';

export function describeMachine(): string {
  const model = cpus()[0]?.model.trim() ?? 'unknown processor';
  const memory = `${Math.round(totalmem() / 1024 ** 3)} GiB of memory`;
  return `${availableParallelism()} cores (${model}, ${arch()}), ${memory}, Linux ${release()}${distribution()}`;
}

function distribution(): string {
  try {
    const name = /^PRETTY_NAME="(.*)"$/mu.exec(readFileSync('/etc/os-release', 'utf8'))?.[1];
    return name === undefined ? '' : `, ${name}`;
  } catch {
    return '';
  }
}

/** A line where others work on the machine too, which widens the spread and makes ratios worse. */
export function busyWarning(): string | undefined {
  const [load = 0] = loadavg();
  const isBusy = load > availableParallelism() / 4;
  return isBusy ? `the machine was busy with other work when this began (load ${load.toFixed(1)})` : undefined;
}
