import type { LinkAbout } from '../../../parsers/formats/linkAbout.ts';
import type { LinkBeyond } from '../../../parsers/formats/linkBeyond.ts';
import type { FarStore } from '../../base/ordered.ts';
import type { LinkProof } from './journeyTypes.ts';
import type { MetUnit } from './linkWords.ts';
import type { LinkWriters } from './linkWriters.ts';

/** `serveLink(options): Promise<LinkService>` (receiver.ts) rejects with a `Fault` when it cannot listen there. */
export interface LinkServiceOptions {
  /** `port` 0: any free one. */
  listen: { host: string; port: number };
  keys: LinkProof;
  /** The volume of that name; undefined: there is none. Asked at every connection; never closed by the service. */
  stores: (volume: string) => FarStore | undefined;
  /** Who may send which volume; absent: every unit that has proved itself. */
  writers?: LinkWriters;
  /** What senders are told of this unit, and what one says of its own; absent: neither. */
  about?: {
    own: () => LinkAbout;
    heard: (volume: string, about: LinkAbout) => void;
    /** The mirrors of a volume here. */
    beyond?: (volume: string) => readonly LinkBeyond[];
  };
  notice: (text: string) => void;
  /** Monotonic time in nanoseconds. */
  now: () => number;
}

/** Journey links from other units. */
export interface LinkService {
  /** `IP:PORT` that it listens at. */
  readonly portal: string;
  /** The sender of a volume, while it is connected. */
  sender(volume: string): SenderStatus | undefined;
  /** Nobody sends this volume until `release`; resolves once nothing of its sender touches the store any more. */
  hold(volume: string, why: string): Promise<void>;
  release(volume: string): void;
  /** Ends every connection, once what was being applied has been; nothing touches a store afterwards. */
  close(): Promise<void>;
}

export interface SenderStatus {
  /** The unit's name as its certificate has it. */
  peer: string;
  remote: string;
  /** Its unit's version, and how far that one's clock is ahead of this one's in milliseconds; absent while it has not said. */
  unit?: MetUnit;
  /** Monotonic nanoseconds. */
  since: number;
  /** Entries applied and durable in this connection's numbering. */
  applied: number;
  durable: number;
  /** Bytes received, and bytes of entries that wait to be applied. */
  receivedBytes: number;
  waitingBytes: number;
  /** Why nothing is being applied at present (the storage is full). */
  paused: string | undefined;
}
