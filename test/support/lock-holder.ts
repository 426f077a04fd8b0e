/** Holds an exclusive lock until somebody ends the process: `node lock-holder.ts REPOSITORY PASSWORD`. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Repository } from '../../src/repository/repository.ts';
import { LocalBackend } from '../../src/storage/local/local-backend.ts';

const [path = '', password = ''] = process.argv.slice(2);
const repository = await Repository.open(new LocalBackend({ path }), { password });
await repository.lock({ isExclusive: true });
await sleep(600_000);
