/** Calls of the S3 interface for one bucket: signed by Amazon's SDK, repeated only where the region was guessed wrongly. */
import { GetBucketLocationCommand, S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import { cancellationOf, throwIfCancelled } from '../../base/cancellation.ts';
import type { HoldfastError } from '../../base/errors.ts';
import { HttpClient, type TlsSettings } from '../http-client.ts';
import type { TransferPaces } from '../pace.ts';
import { type S3Endpoint, urlInRegion } from './s3-endpoint.ts';
import { regionOf, s3Error, speaksOfRegion } from './s3-errors.ts';
import { S3Call, SdkHttpHandler } from './sdk-http-handler.ts';

/** Keys, or a way to them; undefined: the SDK's own chain of variables, profiles, web identities and services of the machine. */
export type S3Credentials = NonNullable<S3ClientConfig['credentials']> | 'anonymous' | undefined;

export interface S3ConnectionOptions {
  readonly endpoint: S3Endpoint;
  readonly bucket: string;
  readonly credentials: S3Credentials;
  readonly tls: TlsSettings;
  readonly connections: number;
  readonly stallMs: number;
  readonly paces?: TransferPaces | undefined;
  /** For people. */
  readonly location: string;
}

/** The SDK wants keys also where it signs nothing. */
const withoutSignature: Pick<S3ClientConfig, 'credentials' | 'signer'> = {
  credentials: { accessKeyId: 'none', secretAccessKey: 'none' },
  signer: { sign: async (request) => request },
};

export class S3Connection {
  readonly location: string;
  readonly bucket: string;
  readonly #http: HttpClient;
  readonly #client: S3Client;
  readonly #isRegionFixed: boolean;
  #region: string;
  #learning: Promise<void> | undefined;

  constructor(options: S3ConnectionOptions) {
    this.location = options.location;
    this.bucket = options.bucket;
    this.#region = options.endpoint.region;
    this.#isRegionFixed = options.endpoint.isRegionFixed;
    this.#http = new HttpClient({ ...options, printable: options.location });
    this.#client = new S3Client(this.#settings(options));
  }

  /**
   * @param send the SDK's call, as in `(client) => client.send(new HeadObjectCommand(…), call)`
   * @throws HoldfastError
   */
  async ask<T>(call: S3Call, send: (client: S3Client) => Promise<T>): Promise<T> {
    throwIfCancelled(call.abortSignal);
    try {
      return await this.#attempt(call, send);
    } catch (error) {
      throw this.inWords(call, error);
    }
  }

  /** A failure of any kind, met while a call or the body of its answer was under way. */
  inWords(call: S3Call, error: unknown): HoldfastError {
    if (call.abortSignal?.aborted === true) return cancellationOf(call.abortSignal);
    return s3Error({ what: call.what, location: this.location, bucket: this.bucket, answer: call.answer, error });
  }

  /** A failure of the connection in the middle of a body. */
  brokenBody(call: S3Call, error: unknown): HoldfastError {
    return this.#http.inWords({ what: call.what, signal: call.abortSignal }, error);
  }

  close(): void {
    this.#client.destroy();
    this.#http.close();
  }

  async #attempt<T>(call: S3Call, send: (client: S3Client) => Promise<T>): Promise<T> {
    const used = this.#region;
    try {
      return await send(this.#client);
    } catch (error) {
      if (this.#isRegionFixed || !speaksOfRegion(error, call.answer)) throw error;
      // Several calls may be refused at once; one question is enough.
      this.#learning ??= this.#learnRegion(call, error);
      await this.#learning;
      if (this.#region === used) throw error;
      return await send(this.#client);
    }
  }

  async #learnRegion(call: S3Call, error: unknown): Promise<void> {
    this.#region = regionOf(error, call.answer) ?? (await this.#askRegion(call.abortSignal)) ?? this.#region;
  }

  async #askRegion(abortSignal: AbortSignal | undefined): Promise<string | undefined> {
    const call = new S3Call({ what: 'asking for the region', abortSignal });
    try {
      const { LocationConstraint } = await this.#client.send(new GetBucketLocationCommand({ Bucket: this.bucket }), call);
      return LocationConstraint === undefined ? undefined : String(LocationConstraint);
    } catch {
      // Whoever may not ask learns from the first refusal what was wrong.
      return undefined;
    }
  }

  #settings({ endpoint, credentials }: S3ConnectionOptions): S3ClientConfig {
    return {
      endpoint: async () => ({ url: new URL(urlInRegion(endpoint.url, this.#region)) }),
      region: async () => this.#region,
      forcePathStyle: endpoint.isPathStyle,
      requestHandler: new SdkHttpHandler(this.#http),
      // A wrapper repeats, and knows for how long.
      maxAttempts: 1,
      // Uploads carry their SHA-256 in the signature; other sums, as trailers, are not understood everywhere.
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
      expectContinueHeader: false,
      // The location says all of the address; what a profile says besides would contradict it.
      useDualstackEndpoint: false,
      useFipsEndpoint: false,
      ...(credentials === undefined ? {} : credentials === 'anonymous' ? withoutSignature : { credentials }),
    };
  }
}
