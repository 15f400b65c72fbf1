import { createHash, getHashes, timingSafeEqual } from 'node:crypto';

/**
 * CHAP algorithms of iSCSI by their number (RFC 7143 section 12.1.3, and IANA's registry "PPP Authentication Algorithms"),
 * strongest first: the target takes the first that it knows.
 */
const ALGORITHMS: readonly (readonly [number, string])[] = [
  [8, 'sha3-256'],
  [7, 'sha256'],
  [6, 'sha1'],
  [5, 'md5'],
];

/** The algorithm that every target has to know. */
export const CHAP_MD5 = 5;

/** Numbers to offer in CHAP_A, of those that this system's OpenSSL has (a FIPS one lacks MD5). */
export function chapAlgorithms(): number[] {
  const there = new Set(getHashes().map((name) => name.toLowerCase()));
  return ALGORITHMS.filter(([, hash]) => there.has(hash)).map(([number]) => number);
}

/** RFC 1994 section 4.1: the hash of identifier, secret and challenge. Undefined for an algorithm that is not known. */
export function chapResponse(
  algorithm: number,
  identifier: number,
  secret: string,
  challenge: Uint8Array,
): Uint8Array | undefined {
  const hash = ALGORITHMS.find(([number]) => number === algorithm)?.[1];
  if (hash === undefined) return undefined;
  return createHash(hash).update(Uint8Array.of(identifier)).update(secret, 'utf8').update(challenge).digest();
}

/** Compares without telling by its time where two runs of bytes differ. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
