import { CONTINUE, FINAL, putSequence, putText } from '../../../parsers/iscsi/headers.ts';
import { NO_TAG } from '../../../parsers/iscsi/opcodes.ts';
import { MAX_TEXT_BYTES, textBytes, textPairs } from '../../../parsers/iscsi/text.ts';
import { copyOf } from '../../base/bytes.ts';
import type { Incoming } from './incoming.ts';
import type { Wire } from './wire.ts';

/** A key may come several times in an answer, and the order counts. */
export type TextPairs = readonly (readonly [key: string, value: string])[];

/** An answer in more parts than this is none. */
const PARTS_MAX = 1024;

/** Text requests outside the login (RFC 7143 sections 11.10 and 11.11), one at a time. */
export class TextAsk {
  readonly #wire: Wire;
  readonly #tag: () => number;
  #itt = NO_TAG;
  #answered: ((pairs: TextPairs) => void) | undefined;
  #parts: Uint8Array[] = [];
  #bytes = 0;

  constructor(wire: Wire, tag: () => number) {
    this.#wire = wire;
    this.#tag = tag;
  }

  /** `answered` is called once, unless the session ends before. */
  ask(keys: TextPairs, answered: (pairs: TextPairs) => void): void {
    this.#itt = this.#tag();
    this.#answered = answered;
    this.#parts = [];
    this.#bytes = 0;
    this.#send(textBytes(keys), NO_TAG);
  }

  response(pdu: Incoming, data: Uint8Array): void {
    const answered = this.#answered;
    if (pdu.itt !== this.#itt || !answered) throw this.#wire.wrong('answers a text request that nobody sent');
    this.#bytes += pdu.dataSegmentLength;
    if (this.#bytes > MAX_TEXT_BYTES || this.#parts.length >= PARTS_MAX) {
      throw this.#wire.wrong(`sends more than ${MAX_TEXT_BYTES} bytes of text, or in too many parts`);
    }
    this.#parts.push(copyOf(data, 0, pdu.dataSegmentLength));
    const more = (pdu.flags & CONTINUE) !== 0 || (pdu.flags & FINAL) === 0;
    if (more) {
      // Section 11.11.4: the tag that came says that more is to be asked for.
      if (pdu.ttt === NO_TAG) throw this.#wire.wrong('has more text to send, and no tag to ask for it by');
      this.#send(new Uint8Array(0), pdu.ttt);
      return;
    }
    this.#answered = undefined;
    this.#itt = NO_TAG;
    answered(textPairs(Buffer.concat(this.#parts)));
  }

  #send(text: Uint8Array, ttt: number): void {
    const { out, sequence } = this.#wire;
    const at = out.begin();
    putText(out.slab, at, text.length, this.#itt, ttt);
    putSequence(out.slab, at, sequence.cmdSn, sequence.expStatSn);
    out.header();
    out.text(text);
  }
}
