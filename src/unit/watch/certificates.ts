import { X509Certificate } from 'node:crypto';
import type { TlsConfig } from '../config/configTypes.ts';

/** A certificate that links are made with. */
export interface CertificateStatus {
  /** The unit's own, or one of an authority that is believed. */
  kind: 'own' | 'authority';
  name: string;
  /** ISO 8601. */
  from: string;
  until: string;
}

/** How near its end is: `soon` is when a new one should be made, `urgent` when it has to be. */
export type CertificateEnd = 'over' | 'urgent' | 'soon' | 'early' | 'far';

const DAY_MS = 86_400_000;
const SOON_MS: number = 30 * DAY_MS;
const URGENT_MS: number = 7 * DAY_MS;
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

/** What they are does not change while a unit runs. */
const known = new WeakMap<TlsConfig, CertificateStatus[]>();

/** Those of a unit; none where it has none, or keys that are shared beforehand. */
export function certificatesOf(tls: TlsConfig | undefined): readonly CertificateStatus[] {
  if (tls === undefined || 'psk' in tls) return [];
  const all = known.get(tls) ?? [...ofPem('own', tls.cert), ...ofPem('authority', tls.ca)];
  known.set(tls, all);
  return all;
}

/** As a part of the status. */
export function certificateStatus(tls: TlsConfig | undefined): { certificates?: CertificateStatus[] } {
  const certificates = certificatesOf(tls);
  return certificates.length === 0 ? {} : { certificates: [...certificates] };
}

export function certificateEnd({ from, until }: CertificateStatus, nowMs: number): CertificateEnd {
  const left = Date.parse(until) - nowMs;
  if (left < 0) return 'over';
  if (nowMs < Date.parse(from)) return 'early';
  if (left < URGENT_MS) return 'urgent';
  return left < SOON_MS ? 'soon' : 'far';
}

/** What `status` and the log say of it. */
export function certificateWords({ kind, name, until }: CertificateStatus, end: CertificateEnd): string {
  const whose = `${kind === 'own' ? 'own certificate' : 'certificate of the authority'} ${name}`;
  const day = until.slice(0, 10);
  switch (end) {
    case 'over':
      return `${whose} has ended: no link can be made`;
    case 'urgent':
      return `${whose} ends within a week, on ${day}: make a new one`;
    case 'soon':
      return `${whose} ends on ${day}: make a new one`;
    case 'early':
      return `${whose} begins only later: set the clock right`;
    case 'far':
      return `${whose} is good until ${day}`;
  }
}

function ofPem(kind: CertificateStatus['kind'], text: string): CertificateStatus[] {
  return (text.match(CERTIFICATE) ?? []).map((pem) => {
    const { validFrom, validTo, subject } = new X509Certificate(pem);
    const name = /^CN=(.*)$/m.exec(subject)?.[1] ?? subject.replaceAll('\n', ', ');
    return { kind, name, from: iso(validFrom), until: iso(validTo) };
  });
}

function iso(words: string): string {
  return new Date(Date.parse(words)).toISOString();
}
