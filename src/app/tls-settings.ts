/** What options say about certificates, for every storage that is reached over TLS. */
import { readFile } from 'node:fs/promises';
import { asHoldfastError, HoldfastError } from '../base/errors.ts';
import type { TlsSettings } from '../storage/http-client.ts';
import type { StorageOptions } from './storage-options.ts';

/** @throws HoldfastError `usage` for a file that cannot be read or holds no certificate */
export async function readTls({
  authorityFiles = [],
  clientCertificateFile,
  isTlsUnverified = false,
}: StorageOptions): Promise<TlsSettings> {
  const authorities = await Promise.all(authorityFiles.map((path) => readPem(path, '--cacert')));
  return {
    ...(authorities.length === 0 ? {} : { authorities }),
    clientCertificate: clientCertificateFile === undefined ? undefined : await readPem(clientCertificateFile, '--tls-client-cert'),
    isUnverified: isTlsUnverified,
  };
}

async function readPem(path: string, option: string): Promise<string> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw new HoldfastError('usage', `the file of ${option} cannot be read: ${asHoldfastError(error).message}`, { cause: error });
  }
  if (text.includes('-----BEGIN ')) return text;
  throw new HoldfastError('usage', `the file of ${option} holds no certificate in the PEM format`, { context: { path } });
}
