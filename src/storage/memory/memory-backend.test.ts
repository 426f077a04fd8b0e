import { describeBackend } from '../conformance.ts';
import { MemoryBackend } from './memory-backend.ts';

describeBackend('MemoryBackend', async () => {
  const backend = new MemoryBackend();
  return { backend, reopen: async () => backend, dispose: async () => {} };
});
