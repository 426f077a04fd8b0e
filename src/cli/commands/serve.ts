import { serveOptions } from '../serve/serve-options.ts';
import { exactArguments } from '../snapshot-choice.ts';
import { defineCommand } from './command.ts';

export const serve = defineCommand({
  synopsis: '[OPTION...]',
  details: [
    "Serves the repositories below a folder to restic, rustic and Holdfast, by restic's REST protocol: over HTTPS, at a Unix socket, or with --stdio over the connection of whoever started it, as sshd does for the locations ssh:user@host.",
    'A file of clients says for each its password (as a hash: holdfast serve password) or certificate, its repositories, its rights, its quota, and how long what it removes stays in the trash (holdfast serve trash list).',
    'SIGTERM ends the server when the requests under way are finished; SIGHUP makes it read clients and certificates again. See docs/serve.md.',
  ],
  examples: [
    'holdfast serve --path /srv/backups --no-auth',
    'holdfast serve --path /srv/backups --listen :8443 --tls-cert server.pem --clients clients.conf',
    'command="holdfast serve --stdio --path /srv/alice --append-only",restrict ssh-ed25519 AAAA...',
  ],
  options: serveOptions,
  async run(context, values, positionals) {
    exactArguments(positionals, []);
    // Before the first file is opened: a few slow disks' worth of fsync must not keep all others from reading.
    process.env['UV_THREADPOOL_SIZE'] ??= String(threads);
    const { runServer } = await import('../serve/run-server.ts');
    await runServer(context, values);
    return 0;
  },
});

const threads = 32;
