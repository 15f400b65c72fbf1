import type { LinkAbout } from '../../parsers/formats/linkAbout.ts';
import type { LinkFrame } from '../../parsers/formats/linkFrame.ts';
import type { Hello } from '../../parsers/formats/linkGreeting.ts';
import type { LinkQuestion } from '../../parsers/formats/linkRequests.ts';
import type { Fault } from '../base/fault.ts';
import type { EntryPlace, OrderedEntry } from '../base/ordered.ts';

/** What the far store is when a sender is welcomed. */
export interface StoreFacts {
  incarnation: string;
  durable: EntryPlace | undefined;
  consistent: boolean;
  bytes: number;
  blockSize: number;
  /** See `FarStore`. */
  pipelined?: boolean;
}

export type ReceiverAct =
  | { kind: 'send'; frame: LinkFrame }
  /** A sender has named itself: `welcome` or `refuse` is to be called, whenever that is known. */
  | { kind: 'hello'; hello: Hello }
  /**
   * `appended` or `notAppended` answers it, never beside a question; one at a time, unless the store is `pipelined`. `bodies`
   * are no longer needed once it is appended.
   */
  | { kind: 'append'; place: EntryPlace; entry: OrderedEntry; bodies: readonly Uint8Array[] }
  /** The volume's changes up to `order` of a shared order have been applied, with the last entry. */
  | { kind: 'through'; place: EntryPlace; order: number }
  /** What the sender says of its unit; `about` answers it. */
  | { kind: 'about'; about: LinkAbout }
  /** `answered` answers it. */
  | { kind: 'question'; question: LinkQuestion }
  /** `synced` or `notSynced` answers it, once entry `number` is durable or not; it may run beside the others. */
  | { kind: 'sync'; number: number }
  /** The connection must end, once what was sent has left. */
  | { kind: 'hangUp'; fault: Fault }
  | { kind: 'notice'; text: string };
