/**
 * The file of clients: a section for each, `[name]`, and lines `setting = value`. Lines that begin with # say nothing. See docs/serve.md.
 *
 *     [alice]
 *     password = $argon2id$v=19$…
 *     rights = append-only
 *     quota = 500G
 */
import { HoldfastError } from '../base/errors.ts';
import { parsePasswordHash } from '../crypto/password-hash.ts';
import type { Client } from './client.ts';
import { parseRepositoryPath } from './request-address.ts';
import { type Rights, rightsNames } from './rights.ts';

interface Setting {
  readonly text: string;
  readonly line: number;
}

interface Section {
  readonly name: string;
  readonly line: number;
  readonly settings: Map<SettingName, Setting>;
}

const settingNames = ['password', 'certificate', 'repositories', 'rights', 'quota', 'quota-files', 'deletion-delay'] as const;
type SettingName = (typeof settingNames)[number];

const msPerDay = 86_400_000;
const maxDelayDays = 3650;
const sizeUnits: Readonly<Record<string, number>> = { '': 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 };
/** Names are user names of HTTP, which cannot hold a colon, and folders. */
const namePattern = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/;

/** @throws HoldfastError `usage` naming the file, the line and what is wrong there; never a value of `password` */
export function parseClients(text: string, path: string): Client[] {
  const sections = readSections(text, path);
  if (sections.length === 0) throw wrong(path, 1, 'there is no client', 'Begin one with a line [name].');
  const clients = sections.map((section) => clientOf(section, path));
  for (const [at, section] of sections.entries()) {
    const certificate = clients[at]?.certificateName;
    if (sections.findIndex(({ name }) => name === section.name) !== at) throw wrong(path, section.line, `${section.name} is there twice`);
    if (certificate !== undefined && clients.findIndex((client) => client.certificateName === certificate) !== at) {
      throw wrong(path, section.line, `the certificate of ${section.name} is another client's, too`);
    }
  }
  return clients;
}

function readSections(text: string, path: string): Section[] {
  const sections: Section[] = [];
  for (const [at, raw] of text.split('\n').entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const name = /^\[(.*)\]$/.exec(line)?.[1];
    if (name === undefined) addSetting(sections.at(-1), line, at + 1, path);
    else if (namePattern.test(name)) sections.push({ name, line: at + 1, settings: new Map() });
    else throw wrong(path, at + 1, 'the name of the client is not usable', 'Up to 64 letters, digits, and . _ @ - behind the first.');
  }
  return sections;
}

function addSetting(section: Section | undefined, line: string, number: number, path: string): void {
  const [, given = '', text = ''] = /^([^=]*?)\s*=\s*(.*)$/.exec(line) ?? [];
  const name = settingNames.find((known) => known === given);
  // The line may be a password that lost its name: it is not repeated.
  if (name === undefined) throw wrong(path, number, 'this is no setting', `There is ${settingNames.join(', ')}, each with = and a value.`);
  if (section === undefined) throw wrong(path, number, `${name} stands before the first client`, 'Begin one with a line [name].');
  if (section.settings.has(name)) throw wrong(path, number, `${name} is there twice for ${section.name}`);
  section.settings.set(name, { text, line: number });
}

function clientOf({ name, line, settings }: Section, path: string): Client {
  const read = <T>(setting: SettingName, otherwise: T, parse: (text: string) => T | undefined, wanted: string): T => {
    const given = settings.get(setting);
    if (given === undefined) return otherwise;
    const value = parse(given.text);
    if (value !== undefined) return value;
    throw wrong(path, given.line, `the ${setting} of ${name} is not usable`, wanted);
  };
  const password = read('password', undefined, parsePasswordHash, 'Make it with: holdfast serve password.');
  const certificateName = read('certificate', undefined, (text) => text || undefined, 'Give the common name (CN) of the certificate.');
  if (password === undefined && certificateName === undefined) {
    throw wrong(path, line, `${name} has neither a password nor a certificate`, 'Make a password line with: holdfast serve password.');
  }
  return {
    name,
    password,
    certificateName,
    repositories: read('repositories', [[name]], parseRepositories, 'Give paths like /alice, with blanks between them; / means all.'),
    rights: read('rights', 'full', parseRights, `Give one of ${rightsNames.join(', ')}.`),
    quota: {
      bytes: read('quota', undefined, parseSize, 'Give a size like 800M, 500G or 2T.'),
      files: read('quota-files', undefined, parseCount, 'Give a whole number.'),
    },
    deletionDelayMs: read('deletion-delay', 0, parseDays, `Give days, as in 30d, up to ${maxDelayDays}d.`),
  };
}

function parseRepositories(text: string): (readonly string[])[] | undefined {
  const paths = text.split(/\s+/).filter((path) => path !== '');
  const parsed = paths.map((path) => (path.startsWith('/') ? parseRepositoryPath(path) : undefined));
  const fit = parsed.filter((segments) => segments !== undefined);
  return fit.length === paths.length && paths.length > 0 ? fit : undefined;
}

function parseRights(text: string): Rights | undefined {
  return rightsNames.find((name) => name === text);
}

function parseSize(text: string): number | undefined {
  const [, digits, unit = ''] = /^(\d{1,12})([kmgt]?)$/i.exec(text) ?? [];
  const bytes = Number(digits) * (sizeUnits[unit.toLowerCase()] ?? Number.NaN);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

function parseCount(text: string): number | undefined {
  return /^\d{1,12}$/.test(text) ? Number(text) : undefined;
}

/** Milliseconds. */
export function parseDays(text: string): number | undefined {
  const [, days] = /^(\d{1,4})d?$/.exec(text) ?? [];
  return days !== undefined && Number(days) <= maxDelayDays ? Number(days) * msPerDay : undefined;
}

function wrong(path: string, line: number, fact: string, hint?: string): HoldfastError {
  return new HoldfastError('usage', `${path}, line ${line}: ${fact}`, { ...(hint === undefined ? {} : { hint }), context: { path, line } });
}
