/** Certificates for tests, made by openssl: an authority, and what it signs. */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Signed {
  readonly certificate: string;
  readonly key: string;
  /** Both in one file. */
  readonly both: string;
}

export class Authority {
  readonly certificate: string;
  readonly #folder: string;

  constructor(folder: string, name = 'authority') {
    this.#folder = folder;
    this.certificate = join(folder, `${name}.pem`);
    const key = join(folder, `${name}.key`);
    openssl(['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', `/CN=${name}`], {
      out: this.certificate,
      keyout: key,
    });
  }

  /** For 127.0.0.1, or for a client. */
  sign(name: string, commonName = name): Signed {
    const path = (ending: string): string => join(this.#folder, `${name}.${ending}`);
    const [key, request, certificate, both, extensions] = ['key', 'csr', 'crt', 'both', 'ext'].map(path) as [
      string,
      string,
      string,
      string,
      string,
    ];
    openssl(['req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', `/CN=${commonName}`], {
      out: request,
      keyout: key,
    });
    writeFileSync(extensions, 'subjectAltName=IP:127.0.0.1\n');
    const signer = ['-CA', this.certificate, '-CAkey', this.certificate.replace(/\.pem$/, '.key'), '-CAcreateserial'];
    openssl(['x509', '-req', '-in', request, '-days', '2', '-extfile', extensions, ...signer], { out: certificate });
    writeFileSync(both, readFileSync(certificate, 'utf8') + readFileSync(key, 'utf8'), { mode: 0o600 });
    return { certificate, key, both };
  }
}

function openssl(args: readonly string[], { out, keyout }: { readonly out: string; readonly keyout?: string }): void {
  const made = spawnSync('openssl', [...args, '-out', out, ...(keyout === undefined ? [] : ['-keyout', keyout])], { encoding: 'utf8' });
  if (made.status !== 0) throw new Error(`openssl: ${made.stderr}`);
}
