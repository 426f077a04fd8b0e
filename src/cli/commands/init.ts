import { useBackend } from '../../app/open-backend.ts';
import { HoldfastError } from '../../base/errors.ts';
import { Repository } from '../../repository/repository.ts';
import { printableLocation } from '../../storage/location.ts';
import { askNewPassword, configuredPassword } from '../password/password.ts';
import { readLocation } from '../repository-session.ts';
import { exactArguments } from '../snapshot-choice.ts';
import { isSourceTyped, sourceOptions, type SourceValues, withUnlockedSource } from '../source-repository.ts';
import { storageOptions } from '../storage-options.ts';
import { type CommandContext, defineCommand } from './command.ts';

export const init = defineCommand({
  synopsis: '[OPTION...]',
  details: [
    'Creates a repository: an empty place for snapshots, encrypted with a new key that the password opens.',
    'Without the password nothing in the repository can ever be read again: keep it in a second place.',
  ],
  examples: [
    'holdfast init --repo /srv/backup --password-file /etc/holdfast/password',
    'holdfast init --repo /mnt/second --copy-chunker-params --from-repo /srv/backup',
  ],
  options: {
    'copy-chunker-params': {
      kind: 'flag',
      description: 'cut files as the repository of --from-repo does: then both share data when snapshots are copied between them',
    },
    ...sourceOptions,
    'repository-version': {
      kind: 'text',
      valueName: 'VERSION',
      description: 'format version: 1, 2, latest or stable, which both mean 2 (default: stable); 1 has no compression',
    },
  },
  async run(context, values, positionals) {
    exactArguments(positionals, []);
    const version = readVersion(values['repository-version'] ?? 'stable');
    const location = await readLocation(context);
    const polynomial = await readPolynomial(context, values['copy-chunker-params'], values);
    const { clock, signal } = context;
    await using repository = await useBackend(location, storageOptions(context), async (backend) => {
      const password = (await configuredPassword(context)) ?? (await askNewPassword(context, 'enter password for new repository: '));
      return await Repository.create(backend, { password, version, polynomial, clock, signal });
    });
    report(context, repository, printableLocation(location), polynomial !== undefined);
    return 0;
  },
});

const versions: ReadonlyMap<string, number> = new Map([
  ['1', 1],
  ['2', 2],
  ['latest', 2],
  ['stable', 2],
]);

function readVersion(text: string): number {
  const version = versions.get(text);
  if (version !== undefined) return version;
  throw new HoldfastError('usage', `repositories of version ${JSON.stringify(text)} are not created here`, {
    hint: 'Leave --repository-version out.',
  });
}

/** The config never changes, so that reading it needs no lock. */
async function readPolynomial(context: CommandContext, isWanted: boolean, values: SourceValues): Promise<bigint | undefined> {
  if (isWanted) return await withUnlockedSource(context, values, async ({ repository }) => repository.config.polynomial);
  if (!isSourceTyped(context)) return undefined;
  throw new HoldfastError('usage', 'another repository is named, which makes sense only with --copy-chunker-params', {
    hint: 'Add --copy-chunker-params, or leave --from-repo out.',
  });
}

function report({ output }: CommandContext, repository: Repository, location: string, isPolynomialCopied: boolean): void {
  const { id } = repository.config;
  if (output.isJson) {
    output.json({ message_type: 'initialized', id, repository: location });
    return;
  }
  output.say(`created repository ${id.slice(0, 10)} at ${location}`);
  if (isPolynomialCopied) output.say('It cuts files as the source repository does.');
  output.say('');
  output.say('Keep the password in a second place: without it the data cannot be read, by nobody and never again.');
}
