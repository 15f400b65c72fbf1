import type { LinkFrame } from '../../parsers/formats/linkFrame.ts';
import {
  type Hello,
  LINK_HASHES,
  type LinkHash,
  type Refusal,
  type Welcome,
  welcomeFrame,
} from '../../parsers/formats/linkGreeting.ts';
import { ENTRY_BYTES_MAX } from './assembler.ts';
import type { StoreFacts } from './receiverTypes.ts';

/** What a sender may have under way: all that a fast link with a long way holds. */
const WINDOW_BYTES: number = 64 * 1024 * 1024;

/** Whether a volume takes what a sender has for it: the hash to compare with, else words for both ends. */
export function answerHello(hello: Hello, store: { blockSize: number } | undefined): LinkHash | Refusal {
  if (!store) {
    const words = `there is no volume ${hello.volume} here`;
    return { words, mend: 'correct the name at the sender, or configure the volume at the receiver', again: false };
  }
  if (hello.blockSize % store.blockSize !== 0) {
    const words = `volume ${hello.volume} has blocks of ${store.blockSize} bytes here, and of ${hello.blockSize} at the sender`;
    return { words, mend: 'give the volume the same block size at both units', again: false };
  }
  const hash = hello.hashes.find((one) => LINK_HASHES.includes(one));
  if (hash !== undefined) return hash;
  return { words: 'the units have no hash in common', mend: 'use the same version at both units', again: false };
}

/** Tells a sender what the store is, and what both agreed on. */
export function welcomeTo(
  { incarnation, durable, consistent, bytes, blockSize }: StoreFacts,
  agreed: Pick<Welcome, 'compression' | 'hash' | 'features'>,
): LinkFrame {
  const limits = { windowBytes: WINDOW_BYTES, entryBytesMax: ENTRY_BYTES_MAX };
  return welcomeFrame({ incarnation, durable, consistent, bytes, blockSize, ...agreed, ...limits });
}

/** The volume as a sender knows it and as it is here, where that is worth a line in the log. */
export function sizeNote(hello: Hello, bytes: number): string | undefined {
  if (hello.bytes === 0 || bytes <= hello.bytes) return undefined;
  return `the volume holds ${bytes} bytes here and ${hello.bytes} at the sender: what lies behind stays as it is`;
}
