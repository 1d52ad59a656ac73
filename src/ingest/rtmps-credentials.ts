/**
 * Reads the certificate and key of RTMPS, once, and makes sure that they fit.
 * It never logs or quotes what is in them.
 */
import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import { messageOf, ServiceError } from '../system/errors.ts';

/** PEM texts. */
export interface TlsCredentials {
  readonly certificate: string;
  readonly key: string;
}

/** Rejects with RTMPS_CERTIFICATE when a file cannot be read or TLS does not take them. */
export async function readRtmpsCredentials(certificatePath: string, keyPath: string): Promise<TlsCredentials> {
  const certificate = await read('certificate', certificatePath);
  const key = await read('key', keyPath);
  try {
    createSecureContext({ cert: certificate, key });
  } catch (thrown) {
    throw unusable(`The certificate and key of RTMPS are of no use: ${messageOf(thrown)}`, thrown);
  }
  return { certificate, key };
}

async function read(what: string, path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (thrown) {
    throw unusable(`The ${what} of RTMPS cannot be read: ${messageOf(thrown)}`, thrown);
  }
}

function unusable(message: string, cause: unknown): ServiceError {
  return new ServiceError('RTMPS_CERTIFICATE', message, {
    hint: 'rtmps.certificate and rtmps.key are PEM files that belong together; the key has no passphrase.',
    cause,
  });
}
