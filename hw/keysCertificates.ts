import 'reflect-metadata';
import { createPrivateKey, KeyObject, randomBytes, webcrypto } from 'node:crypto';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';

/** A certificate and its private key, both in PEM. The key is in no message. */
export interface Pair {
  cert: string;
  key: string;
}

export interface Validity {
  from: Date;
  to: Date;
}

/** ECDSA over P-256 with SHA-256 (FIPS 186-5), which every TLS 1.3 stack knows (RFC 8446 section 9.1). */
const CURVE = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const SERIAL_BYTES = 16;

/** An authority that signs its own certificate, and then those of units alone (RFC 5280 sections 4.2.1.3 and 4.2.1.9). */
export async function makeAuthority({ from, to }: Validity): Promise<Pair> {
  const keys = await webcrypto.subtle.generateKey(CURVE, true, ['sign', 'verify']);
  // The name differs from every other authority's: a chain is looked for by names first.
  const name = [{ CN: [`tapmirror authority ${randomBytes(4).toString('hex')}`] }];
  const cert = await X509CertificateGenerator.createSelfSigned({
    serialNumber: serial(),
    name,
    notBefore: from,
    notAfter: to,
    keys,
    signingAlgorithm: CURVE,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { cert: pem(cert), key: keyPem(keys.privateKey) };
}

/** A unit's certificate: good for both ends of a link, and to sign nothing. */
export async function makeUnit(name: string, { from, to }: Validity, authority: Pair): Promise<Pair> {
  const issuer = new X509Certificate(authority.cert);
  const der = createPrivateKey(authority.key).export({ type: 'pkcs8', format: 'der' });
  const signingKey = await webcrypto.subtle.importKey('pkcs8', der, CURVE, false, ['sign']);
  const keys = await webcrypto.subtle.generateKey(CURVE, true, ['sign', 'verify']);
  const cert = await X509CertificateGenerator.create({
    serialNumber: serial(),
    subject: [{ CN: [name] }],
    issuer: issuer.subject,
    notBefore: from,
    notAfter: to,
    publicKey: keys.publicKey,
    signingKey,
    signingAlgorithm: CURVE,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth]),
      new SubjectAlternativeNameExtension([{ type: 'dns', value: name }]),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
      await AuthorityKeyIdentifierExtension.create(issuer.publicKey),
    ],
  });
  return { cert: pem(cert), key: keyPem(keys.privateKey) };
}

/** Positive, and long enough not to be guessed (RFC 5280 section 4.1.2.2). */
function serial(): string {
  const bytes = randomBytes(SERIAL_BYTES);
  bytes[0] = (bytes[0] & 0x7f) | 0x40;
  return bytes.toString('hex');
}

function pem(cert: X509Certificate): string {
  return `${cert.toString('pem').trim()}\n`;
}

function keyPem(key: webcrypto.CryptoKey): string {
  return String(KeyObject.from(key).export({ type: 'pkcs8', format: 'pem' }));
}
