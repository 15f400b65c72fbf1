import type { TlsConfig } from '../config/configTypes.ts';
import {
  type CertificateEnd,
  type CertificateStatus,
  certificateEnd,
  certificatesOf,
  certificateWords,
} from './certificates.ts';

export interface CertificateWatchOptions {
  tls: TlsConfig | undefined;
  /** Milliseconds since 1970. */
  wall: () => number;
  notice: (text: string) => void;
}

/** So often it is looked, and at every start. */
const LOOK_MS = 60_000;

/** Tells, once each, that a certificate which links are made with comes near its end, has come nearer, and is over. */
export class CertificateWatch {
  readonly #options: CertificateWatchOptions;
  readonly #told = new Map<CertificateStatus, CertificateEnd>();
  #lookAt = Number.NEGATIVE_INFINITY;

  constructor(options: CertificateWatchOptions) {
    this.#options = options;
  }

  tick(): void {
    const { tls, wall, notice } = this.#options;
    const now = wall();
    // A clock that was set back is looked at as well.
    if (now < this.#lookAt && now > this.#lookAt - 2 * LOOK_MS) return;
    this.#lookAt = now + LOOK_MS;
    for (const certificate of certificatesOf(tls)) {
      const end = certificateEnd(certificate, now);
      const before = this.#told.get(certificate) ?? 'far';
      this.#told.set(certificate, end);
      if (end !== before) notice(certificateWords(certificate, end));
    }
  }
}
