import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readPemFile } from '../../../hw/configFile.ts';
import { Fault } from '../../base/fault.ts';
import { type Check, group, type Placed, placed, type Unserved } from './configCheck.ts';
import { type Mistake, quoted } from './configTree.ts';
import type { TlsConfig } from './configTypes.ts';
import { path } from './configValues.ts';

/** What is written: the three files, or the one of keys that are shared beforehand. */
export type RawTls = RawFiles | RawPsk;

interface RawPsk {
  psk: Placed<string>;
}

interface RawFiles {
  ca: Placed<string>;
  cert: Placed<string>;
  key: Placed<string>;
}

const MAKE = '`tapmirror keys` makes all three';

const OTHER_WAY: Unserved = {
  wrong: 'a unit proves itself by certificates or by a pre-shared key',
  mend: 'write "ca", "cert" and "key", or "psk" alone',
};

const psk = group<RawPsk>(
  { psk: { check: placed(path('keys/units.psk')), required: 'write "psk": FILE' } },
  { ca: OTHER_WAY, cert: OTHER_WAY, key: OTHER_WAY },
);

const files = group<RawFiles>({
  ca: { check: placed(path('keys/ca.crt')), required: `write "ca": FILE, the authority's certificate; ${MAKE}` },
  cert: { check: placed(path('keys/unit.crt')), required: `write "cert": FILE, the unit's certificate; ${MAKE}` },
  key: { check: placed(path('keys/unit.key')), required: `write "key": FILE, the unit's private key; ${MAKE}` },
});

export const tls: Check<RawTls> = (node, where, book) => {
  const shared = node.kind === 'map' && node.entries.some(({ key }) => key === 'psk');
  return (shared ? psk : files)(node, where, book);
};

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

/**
 * Reads the files and proves that they fit: certificates that can be read, and the key of the first. What is wrong goes into
 * `book`; what does not keep the unit from running, but its links from being made, comes back as words. When certificates end
 * is told while it runs (see `CertificateWatch`).
 */
export async function readTls(
  raw: RawTls,
  at: (path: string) => string,
  book: Mistake[],
): Promise<{ tls: TlsConfig; warnings: string[] }> {
  if ('psk' in raw) return (await import('./configPsk.ts')).readPsk(raw.psk, at, book);
  const ca = await pem(raw.ca, at, book);
  const cert = await pem(raw.cert, at, book);
  const key = await pem(raw.key, at, book);
  const warnings: string[] = [];
  const authorities = ca && certificates(raw.ca, ca.text, book);
  const own = cert && certificates(raw.cert, cert.text, book);
  if (key && own) refuseOtherKey(raw, key.text, own[0], book);
  if (key?.open) {
    const file = at(raw.key.value);
    warnings.push(`every user of this machine may read the private key in ${file}; run: chmod o-r ${quoted(file)}`);
  }
  if (authorities && own && !authorities.some((one) => own.some((mine) => mine.verify(one.publicKey)))) {
    const file = at(raw.cert.value);
    warnings.push(`${file} is not a certificate of the authority in ${at(raw.ca.value)}: no unit of it will take it`);
  }
  return { tls: { ca: ca?.text ?? '', cert: cert?.text ?? '', key: key?.text ?? '' }, warnings };
}

async function pem(
  { value, at: place, where }: Placed<string>,
  at: (path: string) => string,
  book: Mistake[],
): Promise<{ text: string; open: boolean } | undefined> {
  try {
    return await readPemFile(at(value));
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    book.push({ at: place, where, wrong: error.message, mend: error.mend ?? 'check the file' });
    return undefined;
  }
}

function certificates({ value, ...place }: Placed<string>, text: string, book: Mistake[]) {
  const found = text.match(CERTIFICATE) ?? [];
  const mend = `name a file with a certificate in PEM; ${MAKE}`;
  try {
    const all = found.map((one) => new X509Certificate(one));
    if (all.length > 0) return all;
    book.push({ ...place, wrong: `there is no certificate in ${value}`, mend });
  } catch {
    book.push({ ...place, wrong: `a certificate in ${value} cannot be read`, mend });
  }
  return undefined;
}

function refuseOtherKey({ key, cert }: RawFiles, text: string, own: X509Certificate, book: Mistake[]): void {
  const { value, ...place } = key;
  const encrypted = /ENCRYPTED/.test(text);
  try {
    if (own.checkPrivateKey(createPrivateKey(text))) return;
    const wrong = `${value} is not the key of the certificate ${cert.value}`;
    book.push({ ...place, wrong, mend: 'name the file that was made together with it' });
  } catch {
    // What the library says of it may quote it.
    const wrong = encrypted ? `the key in ${value} has a passphrase` : `there is no private key in ${value}`;
    const mend = encrypted
      ? 'keep it without one, in a file that only this user may read'
      : `name a key in PEM; ${MAKE}`;
    book.push({ ...place, wrong, mend });
  }
}
