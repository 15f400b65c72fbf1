import type { LuUrl } from '../../base/luUrl.ts';
import type { Volume } from '../../base/volume.ts';
import type { LuFacts } from '../../iscsi/lu/facts.ts';
import type { LuTiming } from './luTiming.ts';

export interface LuVolumeOptions {
  url: LuUrl;
  /** False: nothing is ever sent that changes the LU or keeps others from it; no reservation, no reset. */
  writable: boolean;
  initiatorName: string;
  /**
   * Six bytes, the initiator port's part of its name (RFC 7143 section 11.12.5). Two volumes at one target need two: a login
   * with the same takes the other's session over.
   */
  isid: Uint8Array;
  /** What the target has to prove (mutual CHAP); the URL has to name a user and a secret then. */
  mutual?: { user: string; secret: string };
  /** CRC-32C digests that are offered; none unless said so. */
  digests?: { header: boolean; data: boolean };
  /** Writable only: holds a persistent reservation with this key, so that no other initiator can write. */
  lockKey?: bigint;
  /** Told once each: the session is back or gone for now, the capacity has changed. */
  notice?: (text: string) => void;
  /** For tests. */
  timing?: Partial<LuTiming>;
}

/**
 * An LU behind an iSCSI target.
 *
 * A lost session is opened anew and what was under way is sent again, which nobody notices; what the target had
 * acknowledged but not made durable may be gone then, so the next `flush` rejects: everything written since the last one
 * that resolved has to be written again. When no session can be had in time calls reject at once (`down`) until `revive`
 * resolves, and that says the same about what was written before.
 */
export interface LuVolume extends Volume {
  /** The URL without the secret. */
  readonly text: string;
  readonly session: 'up' | 'down';
  /** Our end and the target's of the connection, `IP:PORT`; empty while there is none. */
  readonly local: string;
  readonly remote: string;
  /** What the LU told of itself. */
  readonly facts: LuFacts;
  /** Held by `lockKey`; false where the target has no persistent reservations. */
  readonly locked: boolean;
}
