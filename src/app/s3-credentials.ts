/** With which keys an S3 server is asked. */
import type { S3Credentials } from '../storage/s3/s3-connection.ts';
import type { StorageOptions } from './storage-options.ts';

/** Names that MinIO's tools and restic take where Amazon's are not set. */
const pairs = [
  ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'],
  ['AWS_ACCESS_KEY', 'AWS_SECRET_KEY'],
  ['MINIO_ROOT_USER', 'MINIO_ROOT_PASSWORD'],
  ['MINIO_ACCESS_KEY', 'MINIO_SECRET_KEY'],
] as const;

/** Undefined leaves it to the SDK: profiles, web identities, and what the machine's provider offers. */
export async function chooseCredentials(isAnonymous: boolean, region: string, options: StorageOptions): Promise<S3Credentials> {
  if (isAnonymous) return 'anonymous';
  const own = keysOf(options.environment ?? process.env);
  const arn = options.awsRole?.('ARN');
  return arn === undefined ? own : await assumedRole(arn, own, region, options);
}

function keysOf(environment: NodeJS.ProcessEnv): Exclude<S3Credentials, 'anonymous'> {
  for (const [idName, secretName] of pairs) {
    const [accessKeyId = '', secretAccessKey = ''] = [environment[idName], environment[secretName]];
    const sessionToken = environment['AWS_SESSION_TOKEN'] ?? '';
    if (accessKeyId === '' || secretAccessKey === '') continue;
    return { accessKeyId, secretAccessKey, ...(sessionToken === '' ? {} : { sessionToken }) };
  }
  return undefined;
}

/** The same variables as restic's: `RESTIC_AWS_ASSUME_ROLE_ARN` and the others. */
async function assumedRole(
  arn: string,
  own: Exclude<S3Credentials, 'anonymous'>,
  region: string,
  { awsRole: ask = () => undefined }: StorageOptions,
): Promise<S3Credentials> {
  const { fromTemporaryCredentials } = await import('@aws-sdk/credential-providers');
  const [session, externalId, policy, endpoint] = [ask('SESSION_NAME'), ask('EXTERNAL_ID'), ask('POLICY'), ask('STS_ENDPOINT')];
  return fromTemporaryCredentials({
    ...(own === undefined ? {} : { masterCredentials: own }),
    params: {
      RoleArn: arn,
      RoleSessionName: session ?? `holdfast-${process.pid}`,
      ...(externalId === undefined ? {} : { ExternalId: externalId }),
      ...(policy === undefined ? {} : { Policy: policy }),
    },
    clientConfig: { region: ask('REGION') ?? region, ...(endpoint === undefined ? {} : { endpoint }) },
  });
}
