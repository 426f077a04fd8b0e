/** Options of `holdfast serve`. */
import type { OptionTable, Values } from '../options/option.ts';

export const serveOptions = {
  path: {
    kind: 'text',
    valueName: 'FOLDER',
    env: 'SERVE_PATH',
    description: 'folder with the repositories (with --stdio: the current one)',
  },
  listen: {
    kind: 'many',
    valueName: 'ADDRESS',
    description: 'HOST:PORT, :PORT for every address, or unix:PATH (default: 127.0.0.1:8000)',
  },
  stdio: { kind: 'flag', description: 'serve the one client on standard input and output, as sshd starts it' },
  clients: { kind: 'text', valueName: 'FILE', description: 'file that says who may come, and with which rights' },
  as: { kind: 'text', valueName: 'NAME', description: 'with --stdio and --clients: who the client is' },
  'no-auth': { kind: 'flag', description: 'everybody who can connect is the one client' },
  'append-only': { kind: 'flag', description: 'the one client may not remove anything but locks' },
  'write-only': { kind: 'flag', description: 'the one client may, besides, read neither packs nor snapshots' },
  quota: { kind: 'size', valueName: 'SIZE', description: 'how much the repositories of the one client may take' },
  'quota-files': { kind: 'number', valueName: 'COUNT', description: 'how many files they may have' },
  'deletion-delay': { kind: 'number', valueName: 'DAYS', description: 'what the one client removes stays in the trash for so long' },
  'tls-cert': { kind: 'text', valueName: 'FILE', description: 'certificate of the server, as PEM: addresses of networks speak HTTPS then' },
  'tls-key': { kind: 'text', valueName: 'FILE', description: 'its key, as PEM (default: it is in the file of --tls-cert)' },
  'client-ca': { kind: 'text', valueName: 'FILE', description: 'authority whose certificates prove who a client is, as PEM' },
  'insecure-listen': {
    kind: 'flag',
    description: 'allow --no-auth, or passwords in the clear, at an address that other machines can reach',
  },
  metrics: { kind: 'text', valueName: 'ADDRESS', description: 'give counters for Prometheus at http://ADDRESS/metrics' },
  'access-log': { kind: 'text', valueName: 'FILE', description: 'write a line of JSON for each request; - is standard error' },
  'keep-free': { kind: 'size', valueName: 'SIZE', description: 'refuse what would leave less free room on the disk (default: 100M)' },
  'grace-time': { kind: 'duration', valueName: 'TIME', description: 'how long the end waits for requests under way (default: 30s)' },
  'max-connections': { kind: 'number', valueName: 'COUNT', description: 'connections at once for each address (default: 2048)' },
} as const satisfies OptionTable;

export type ServeValues = Values<typeof serveOptions>;
