/** Requests of the REST protocol over a network. */
import type { IncomingMessage } from 'node:http';
import type { HoldfastError } from '../../base/errors.ts';
import { HttpClient, type TlsSettings } from '../http-client.ts';
import type { TransferPaces } from '../pace.ts';
import type { RestAddress } from './rest-address.ts';
import { protocolVersion2, type RestRequest, type RestTransport } from './rest-transport.ts';

export interface RestClientOptions {
  readonly address: RestAddress;
  readonly username: string;
  readonly password: string;
  readonly tls: TlsSettings;
  readonly connections: number;
  /** After so long without a byte in either direction a request has failed. */
  readonly stallMs: number;
  readonly paces?: TransferPaces | undefined;
}

export class RestClient implements RestTransport {
  readonly #address: RestAddress;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #http: HttpClient;

  constructor({ address, username, password, ...options }: RestClientOptions) {
    this.#address = address;
    this.#http = new HttpClient({ ...options, printable: address.printable });
    const hasName = username !== '' || password !== '';
    this.#headers = {
      Accept: protocolVersion2,
      ...(hasName ? { Authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}` } : {}),
    };
  }

  async ask(request: RestRequest): Promise<IncomingMessage> {
    const { path, headers, body } = request;
    const type = body === undefined ? {} : { 'Content-Type': 'application/octet-stream' };
    return await this.#http.ask({
      ...request,
      origin: this.#address,
      path: this.#address.path + path,
      headers: { ...this.#headers, ...headers, ...type },
    });
  }

  inWords(request: Pick<RestRequest, 'what' | 'signal'>, error: unknown): HoldfastError {
    return this.#http.inWords(request, error);
  }

  close(): void {
    this.#http.close();
  }
}
