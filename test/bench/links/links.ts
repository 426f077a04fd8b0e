/** What lies between the programs and a server. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

export interface Link {
  readonly name: string;
  /** How much data makes sense over it, in the scale of the corpora. */
  readonly scale: number;
  /** Undefined: none but that of the machine itself. */
  readonly shape: { readonly roundTripMs: number; readonly bytesPerSecond: number } | undefined;
}

export const links: readonly Link[] = [
  { name: 'loopback', scale: 1, shape: undefined },
  { name: '50 ms, 100 Mbit/s', scale: 0.2, shape: { roundTripMs: 50, bytesPerSecond: 12_500_000 } },
];

/** A way to the port of a server; the port to go to is `port`. */
export async function openLink({ shape }: Link, serverPort: number): Promise<{ readonly port: number } & Disposable> {
  if (shape === undefined) return { port: serverPort, [Symbol.dispose]: () => {} };
  const program = fileURLToPath(new URL('slow-link.ts', import.meta.url));
  const words = [program, String(serverPort), String(shape.roundTripMs), String(shape.bytesPerSecond)];
  const child = spawn(process.execPath, words, { stdio: ['pipe', 'pipe', 'inherit'] });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  return { port: Number(line.toString()), [Symbol.dispose]: () => child.kill() };
}
