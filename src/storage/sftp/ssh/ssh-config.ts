/**
 * What ~/.ssh/config and /etc/ssh/ssh_config say about one host (ssh_config(5)): the first value of a keyword counts, of identity files all.
 * `Host`, `Include` and `Match` with host, originalhost, user, localuser and all decide which lines are read.
 */
import { glob } from 'node:fs/promises';
import { join } from 'node:path';
import { type ConfigFile, type ConfigLine, readConfigLines, unusableConfig } from './ssh-config-lines.ts';
import { matchesList } from './ssh-patterns.ts';

export interface HostQuery {
  /** As it was given: an alias or a name. */
  readonly host: string;
  /** From the location; it wins over the configuration. */
  readonly user: string | undefined;
  readonly localUser: string;
  readonly home: string;
  /** Told once for each kind of line that had to be passed over. */
  readonly warn: (message: string) => void;
}

/** As OpenSSH. */
const maxDepth = 16;
/** Keywords that may stand several times, each time with one more value. */
const gathered = new Set(['identityfile', 'certificatefile']);

export class HostConfig {
  readonly #query: HostQuery;
  readonly #values = new Map<string, ConfigLine[]>();

  constructor(query: HostQuery) {
    this.#query = query;
  }

  /** @throws HoldfastError `usage` for what cannot be read or understood */
  async read(files: readonly ConfigFile[]): Promise<void> {
    for (const file of files) await this.#readFile(file, 0);
  }

  /** The lines that count: one at most, but for identity files. */
  lines(keyword: string): readonly ConfigLine[] {
    return this.#values.get(keyword) ?? [];
  }

  first(keyword: string): ConfigLine | undefined {
    return this.lines(keyword)[0];
  }

  /** Of several keywords that exclude each other the one that was named first. */
  firstOf(...keywords: readonly string[]): ConfigLine | undefined {
    // A map keeps the order in which its keys came.
    const keyword = [...this.#values.keys()].find((key) => keywords.includes(key));
    return keyword === undefined ? undefined : this.first(keyword);
  }

  async #readFile(file: ConfigFile, depth: number): Promise<void> {
    let isActive = true;
    for (const line of await readConfigLines(file)) {
      if (line.keyword === 'host') isActive = matchesList(line.args, this.#query.host);
      else if (line.keyword === 'match') isActive = this.#matches(line);
      else if (!isActive) continue;
      else if (line.keyword === 'include') await this.#include(file, line, depth);
      else this.#note(line);
    }
  }

  async #include(file: ConfigFile, line: ConfigLine, depth: number): Promise<void> {
    if (depth >= maxDepth) throw unusableConfig(line.where, 'files include each other too deeply');
    for (const arg of line.args) {
      const pattern = arg.startsWith('~/') ? join(this.#query.home, arg.slice(2)) : arg.startsWith('/') ? arg : join(file.folder, arg);
      const paths = /[*?[]/.test(pattern) ? (await Array.fromAsync(glob(pattern))).toSorted() : [pattern];
      for (const path of paths) await this.#readFile({ ...file, path }, depth + 1);
    }
  }

  #note(line: ConfigLine): void {
    const known = this.#values.get(line.keyword);
    if (known === undefined) this.#values.set(line.keyword, [line]);
    else if (gathered.has(line.keyword)) known.push(line);
  }

  #matches({ args, where }: ConfigLine): boolean {
    const words = args.flatMap((arg) => arg.split(/=(.*)/s, 2));
    for (let at = 0; at < words.length; at++) {
      const criterion = words[at]?.toLowerCase() ?? '';
      const name = criterion.replace(/^!/, '');
      if (name === 'all') continue;
      const subject = this.#subjectOf(name);
      const patterns = words[++at];
      if (subject === undefined || patterns === undefined) return this.#passOver(name, where);
      if (matchesList(patterns.split(','), subject) === criterion.startsWith('!')) return false;
    }
    return true;
  }

  /** Undefined for a criterion that is not known here. */
  #subjectOf(criterion: string): string | undefined {
    const { host, user, localUser } = this.#query;
    if (criterion === 'originalhost') return host;
    if (criterion === 'host') return this.first('hostname')?.args[0] ?? host;
    if (criterion === 'user') return user ?? this.first('user')?.args[0] ?? localUser;
    return criterion === 'localuser' ? localUser : undefined;
  }

  /** `canonical` and `final` belong to a second reading, which there is none of. */
  #passOver(criterion: string, where: string): false {
    if (criterion !== 'canonical' && criterion !== 'final') {
      this.#query.warn(`${where}: Match ${criterion} is not known, so the lines that depend on it are passed over`);
    }
    return false;
  }
}
