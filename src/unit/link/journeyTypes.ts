import type { LinkAbout } from '../../../parsers/formats/linkAbout.ts';
import type { LinkBeyond } from '../../../parsers/formats/linkBeyond.ts';
import type { OrderedVolume } from '../../base/ordered.ts';

/** Keys that units share beforehand; the first is the unit's own. A key appears in no message. */
export interface LinkPsk {
  psk: readonly { name: string; key: Uint8Array }[];
}

export type LinkProof = LinkKeys | LinkPsk;

/** What a unit proves itself with and whom it believes, as PEM. The key's text appears in no message. */
export interface LinkKeys {
  /** The authority's certificate. */
  ca: string;
  /** This unit's certificate, for the key. */
  cert: string;
  key: string;
}

/**
 * `openJourneyVolume(options, signal?): Promise<JourneyVolume>` (journeyVolume.ts) connects once and rejects with a `Fault`
 * (`unreachable` when the same may succeed later without anybody mending anything).
 */
export interface JourneyVolumeOptions {
  /** A name or an IP address, IPv6 without brackets. */
  host: string;
  port: number;
  /** The volume's name at the far end. */
  volume: string;
  keys: LinkProof;
  /** A UUID of this process: entries are numbered anew with each. */
  epoch: string;
  /** What names this unit for good, across its restarts and among all units: also tells whether another one wrote meanwhile. */
  unit: string;
  /** Of the volume that is mirrored; 0 while unknown. A far end whose blocks do not fit into these refuses. */
  bytes: number;
  blockSize: number;
  /** Bytes a second on the wire; absent: as fast as it goes. */
  limitBytesPerSecond?: number;
  /** `auto`: when the link is slower than compressing, and it pays. */
  compress: boolean | 'auto';
  /** What the far unit is told of this one. */
  about?: () => LinkAbout;
  notice: (text: string) => void;
  /** Monotonic time in nanoseconds. */
  now: () => number;
}

/**
 * A volume at another unit.
 *
 * Once open it reconnects for ever by itself, and an append waits for that. `down` is true once the far end has refused it
 * for good, or has lost something that it had called durable: then everything appended has been rejected, and `revive`
 * connects anew. `identity` names the far store's incarnation, and is another one after every loss: whoever revived a volume
 * whose identity has changed knows nothing of what it holds.
 */
export interface JourneyVolume extends OrderedVolume {
  readonly link: JourneyStatus;
}

/** A journey link for people and for `status --json`. */
export interface JourneyStatus {
  connected: boolean;
  /** Since when it is so: monotonic nanoseconds. */
  since: number;
  /** `IP:PORT` of the far end; empty while there is no connection. */
  remote: string;
  /** The far unit's name as its certificate has it; empty where both have one pre-shared key. */
  peer: string;
  /** The far unit's version, and how far its clock is ahead of this one's in milliseconds (less than a round trip amiss). */
  version: string | undefined;
  clockMs: number | undefined;
  /** Entries appended, sent on this connection or before, and durable at the far end. */
  appended: number;
  sent: number;
  durable: number;
  /** Bytes of entries that are appended and not durable. */
  waitingBytes: number;
  /** Bytes that the connections have carried towards the far end, TLS included, and those of entries before anything was left out. */
  wireBytes: number;
  entryBytes: number;
  /** Of those the ones that later entries wrote over before they were sent: they never travel. */
  elidedBytes?: number;
  /** Connections after the first one. */
  reconnects: number;
  /** How entries are compressed at present: `none`, `deflate`, `brotli`, `zstd`. */
  compression: string;
  /** Milliseconds that a message and its answer took last; undefined before the first. */
  roundTripMs: number | undefined;
  /** The far end's words while it cannot take more (its storage is full). */
  paused: string | undefined;
  /** Why the connection last broke or could not be made. */
  lastFault: string | undefined;
  /** The far end's own mirrors of the volume, as it told of them on this connection. */
  beyond?: readonly LinkBeyond[] | undefined;
}
