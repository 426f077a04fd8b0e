import { HoldfastError } from '../../base/errors.ts';
import { readVersion } from '../../base/package-version.ts';
import { defineCommand } from './command.ts';

export const version = defineCommand({
  synopsis: '',
  details: ['Prints the versions of Holdfast and of Node, and the kind of machine.'],
  options: {},
  async run({ output }, _values, positionals) {
    if (positionals.length > 0) throw new HoldfastError('usage', 'version takes no arguments');
    const facts = { version: readVersion(), node_version: process.version, os: process.platform, arch: process.arch };
    if (output.isJson) output.json({ message_type: 'version', ...facts });
    else output.line(`holdfast ${facts.version}, node ${facts.node_version} on ${facts.os}/${facts.arch}`);
    return 0;
  },
});
