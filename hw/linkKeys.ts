import type { X509Certificate } from 'node:crypto';
import { createSecureContext, type SecureContext } from 'node:tls';
import { Fault } from '../src/base/fault.ts';

/** What a unit proves itself with and whom it believes, as PEM. */
export interface LinkPem {
  ca: string;
  cert: string;
  key: string;
}

/** Extended key usages (RFC 5280 section 4.2.1.12) of a unit, which may be either end of a link. */
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';
const MAKE = 'make the three files with `tapmirror keys`';

/** Of TLS 1.3, the one first that costs processors with instructions for AES the least. */
export const LINK_CIPHERS = 'TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256';

/** TLS 1.3 only, and one authority only; rejects with a `Fault` where the three do not belong together. */
export function linkContext({ ca, cert, key }: LinkPem): SecureContext {
  try {
    return createSecureContext({ ca, cert, key, ciphers: LINK_CIPHERS, minVersion: 'TLSv1.3', maxVersion: 'TLSv1.3' });
  } catch (cause) {
    // Whatever is wrong with the key, its text is in no message of OpenSSL's; its code is enough.
    const { code } = cause as { code?: string };
    throw new Fault('local', `the certificate and key of the journey link cannot be used (${code ?? 'no code'})`, MAKE);
  }
}

/** A unit's name as its certificate has it; words where it is no unit's certificate, though its authority is the right one. */
export function unitName(certificate: X509Certificate | undefined): { name: string } | { wrong: string } {
  if (!certificate) return { wrong: 'showed no certificate' };
  if (certificate.ca) return { wrong: "shows an authority's certificate as its own" };
  const usages = certificate.keyUsage ?? [];
  if (!usages.includes(SERVER_AUTH) || !usages.includes(CLIENT_AUTH)) {
    return { wrong: "shows a certificate that is no unit's (it is not for both ends of a connection)" };
  }
  const name = /^CN=(.+)$/m.exec(certificate.subject)?.[1];
  return name === undefined ? { wrong: 'shows a certificate without a name' } : { name };
}
