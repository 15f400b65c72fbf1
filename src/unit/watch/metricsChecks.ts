import type { CertificateStatus } from './certificates.ts';
import type { PutMetric } from './metricsServe.ts';
import type { MirrorStatus } from './status.ts';

/**
 * When certificates end. Of the unit's own ones of a name the first counts, as all of them are needed; of an authority's the
 * last, as any of them will do.
 */
export function certificateMetrics(certificates: readonly CertificateStatus[], put: PutMetric): void {
  const ends = new Map<string, { labels: Record<string, string>; seconds: number }>();
  for (const { kind, name, until } of certificates) {
    const key = `${kind}\n${name}`;
    const seconds = Date.parse(until) / 1000;
    const before = ends.get(key)?.seconds ?? seconds;
    const end = kind === 'own' ? Math.min(before, seconds) : Math.max(before, seconds);
    ends.set(key, { labels: { certificate: kind, name }, seconds: end });
  }
  for (const { labels, seconds } of ends.values()) {
    put('tapmirror_certificate_end_time_seconds', 'When a certificate that links are made with ends.', labels, seconds);
  }
}

/** What the last comparison of a mirror found. */
export function verifiedMetrics({ verified }: MirrorStatus, labels: Record<string, string>, put: PutMetric): void {
  if (verified === undefined) return;
  const { at, comparedBytes, differingBytes, uncomparedBytes } = verified;
  put('tapmirror_verify_time_seconds', 'When the last comparison ended.', labels, Date.parse(at) / 1000);
  put('tapmirror_verify_compared_bytes', 'What it compared.', labels, comparedBytes);
  put('tapmirror_verify_differing_bytes', 'Of it what differed.', labels, differingBytes);
  put('tapmirror_verify_uncompared_bytes', 'What was never at rest.', labels, uncomparedBytes);
}
