import { openBackend } from '../../app/open-backend.ts';
import { HoldfastError } from '../../base/errors.ts';
import { Repository } from '../../repository/repository.ts';
import { printableLocation } from '../../storage/location.ts';
import { askNewPassword, configuredPassword } from '../password/password.ts';
import { readLocation } from '../repository-session.ts';
import { exactArguments } from '../snapshot-choice.ts';
import { type CommandContext, defineCommand } from './command.ts';

export const init = defineCommand({
  synopsis: '[OPTION...]',
  details: [
    'Creates a repository: an empty place for snapshots, encrypted with a new key that the password opens.',
    'Without the password nothing in the repository can ever be read again: keep it in a second place.',
  ],
  examples: ['holdfast init --repo /srv/backup --password-file /etc/holdfast/password'],
  options: {
    'repository-version': {
      kind: 'text',
      valueName: 'VERSION',
      description: 'format version: 2, latest or stable, which all mean 2 (default: stable)',
    },
  },
  async run(context, values, positionals) {
    exactArguments(positionals, []);
    assertVersion(values['repository-version'] ?? 'stable');
    const location = await readLocation(context);
    const backend = openBackend(location);
    const password = (await configuredPassword(context)) ?? (await askNewPassword(context, 'enter password for new repository: '));
    await using repository = await Repository.create(backend, { password, clock: context.clock, signal: context.signal });
    report(context, repository, printableLocation(location));
    return 0;
  },
});

function assertVersion(text: string): void {
  if (['2', 'latest', 'stable'].includes(text)) return;
  throw new HoldfastError('usage', `repositories of version ${JSON.stringify(text)} are not created here`, {
    hint: 'Leave --repository-version out. Repositories of version 1 can be read.',
  });
}

function report({ output }: CommandContext, repository: Repository, location: string): void {
  const { id } = repository.config;
  if (output.isJson) {
    output.json({ message_type: 'initialized', id, repository: location });
    return;
  }
  output.say(`created repository ${id.slice(0, 10)} at ${location}`);
  output.say('');
  output.say('Keep the password in a second place: without it the data cannot be read, by nobody and never again.');
}
