import type { LinkAbout } from '../../parsers/formats/linkAbout.ts';
import type { LinkFrame } from '../../parsers/formats/linkFrame.ts';
import type { LinkCompression, LinkHash } from '../../parsers/formats/linkGreeting.ts';
import type { LinkAnswer } from '../../parsers/formats/linkRequests.ts';
import type { Fault } from '../base/fault.ts';

export interface SenderOptions {
  /** The volume's name at the far end, and this unit's own. */
  volume: string;
  unit: string;
  /** A UUID of this process, which `isOurs` holds for. */
  epoch: string;
  /** Whether an epoch was this unit's: else another unit wrote the far volume since. */
  isOurs: (epoch: string) => boolean;
  /** Of the volume that is mirrored; 0 while unknown. */
  bytes: number;
  blockSize: number;
  compression: readonly LinkCompression[];
  hashes: readonly LinkHash[];
  limitBytesPerSecond?: number;
  /** What the far end is told of this unit, where it wants to know. */
  about?: () => LinkAbout;
}

export type SenderAct =
  /** `data`: worth compressing. Its parts are borrowed until `written`, or until the connection is over. */
  | { kind: 'send'; frame: LinkFrame; data: boolean }
  /** The entry is durable at the far end. */
  | { kind: 'durable'; id: number }
  /** The question is answered; bytes are views of the frame that the answer came in. */
  | { kind: 'answer'; id: number; answer: LinkAnswer }
  /** The entry, or the question, will never be. */
  | { kind: 'failed'; id: number; fault: Fault }
  /** What the far end says of its unit. */
  | { kind: 'about'; about: LinkAbout }
  /** The far end takes changes; `up` from here on. */
  | { kind: 'up' }
  /** The far volume has another length now. */
  | { kind: 'size'; bytes: number }
  /** The connection must end; `again`: a new one may do better. */
  | { kind: 'hangUp'; fault: Fault; again: boolean }
  | { kind: 'notice'; text: string };
