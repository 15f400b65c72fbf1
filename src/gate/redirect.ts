import { u24, u32 } from '../../parsers/bytes.ts';
import { BHS_BYTES, fromInitiator, Op } from '../../parsers/iscsi/opcodes.ts';
import { MAX_TEXT_BYTES } from '../../parsers/iscsi/text.ts';
import { rebuilt } from './rebuild.ts';
import { TextRewriter } from './textRewriter.ts';

/** What a redirect has to know of its connection. */
export interface RedirectOptions {
  /** True for a TargetAddress value (without its portal group tag) that is the target's own portal. */
  isTarget(address: string): boolean;
  /** What the host is told in its place: the tee's portal as this host reached it. */
  portal: string;
  /** Digests of the full feature phase, undefined while they are not known. */
  digests(): { header: boolean; data: boolean } | undefined;
  /** The host's MaxRecvDataSegmentLength. */
  segmentMax(): number;
  notice(text: string): void;
}

/** Where the target's direction goes on: `length` bytes at `offset` that stood in `came` bytes before. Borrowed. */
export type RunSink = (bytes: Uint8Array, offset: number, length: number, came: number) => void;

/** As much of a header as tells the PDU's length. */
const LENGTHS_BYTES = 8;
const FINAL_LOGIN = 0x83;

/**
 * Discovery through the tee (RFC 7143 sections 4.3, 6.3 and appendix C): a target tells its own portal in SendTargets answers
 * and in login redirects, and hosts would go there, past the tee. Walks the target's direction PDU by PDU and replaces that
 * portal in Text and Login Responses; every other byte goes on as it came.
 */
export class Redirect {
  readonly #options: RedirectOptions;
  readonly #text: TextRewriter;
  /** Bytes of a PDU that go on as they are. */
  #skip = 0;
  /** The start of a PDU of which too little has come to tell its length; it has gone on already. */
  readonly #head = new Uint8Array(LENGTHS_BYTES);
  #headBytes = 0;
  /** A Text or Login Response that is being gathered. */
  #pdu: Uint8Array | undefined;
  #pduBytes = 0;
  #loggedIn = false;
  #off = false;

  constructor(options: RedirectOptions) {
    this.#options = options;
    this.#text = new TextRewriter(options.isTarget, options.portal);
  }

  /** Nothing is kept back, and nothing more will be: bytes need not be fed any more. */
  get off(): boolean {
    return this.#off;
  }

  feed(bytes: Uint8Array, length: number, out: RunSink): void {
    let from = 0;
    let at = 0;
    while (at < length && !this.#off) {
      if (this.#skip > 0) {
        const n = Math.min(this.#skip, length - at);
        this.#skip -= n;
        at += n;
      } else if (this.#pdu === undefined && this.#headBytes === 0 && isText(bytes[at])) {
        if (at > from) out(bytes, from, at - from, at - from);
        this.#pdu = new Uint8Array(BHS_BYTES);
        this.#pduBytes = 0;
        from = at;
      } else if (this.#pdu !== undefined) {
        at = this.#gather(bytes, at, length, out);
        from = at;
      } else at = this.#peek(bytes, at, length);
    }
    if (this.#off) at = length;
    if (this.#pdu === undefined && at > from) out(bytes, from, at - from, at - from);
  }

  /** Hands on what is kept back, unchanged, for good. */
  giveUp(out: RunSink): void {
    this.#off = true;
    if (this.#pdu !== undefined) out(this.#pdu, 0, this.#pduBytes, this.#pduBytes);
    this.#pdu = undefined;
  }

  /** Looks at the start of a PDU that is neither Text nor Login Response; returns where its looking ended. */
  #peek(bytes: Uint8Array, at: number, length: number): number {
    let header = bytes;
    let start = at;
    let taken = LENGTHS_BYTES;
    if (this.#headBytes > 0 || length - at < LENGTHS_BYTES) {
      taken = Math.min(LENGTHS_BYTES - this.#headBytes, length - at);
      this.#head.set(bytes.subarray(at, at + taken), this.#headBytes);
      this.#headBytes += taken;
      if (this.#headBytes < LENGTHS_BYTES) return at + taken;
      header = this.#head;
      start = 0;
      this.#headBytes = 0;
    }
    const total = this.#lengthOf(header, start);
    if (total < 0) return at;
    this.#skip = total - LENGTHS_BYTES;
    return at + taken;
  }

  /** Bytes of the PDU at `at` with digests and padding, -1 when it cannot be told: then this is off. */
  #lengthOf(header: Uint8Array, at: number): number {
    const digests = this.#loggedIn ? this.#options.digests() : NO_DIGESTS;
    if (fromInitiator(header[at] & 0x3f) || digests === undefined) {
      this.#off = true;
      this.#options.notice(
        'what a target sent could not be followed: addresses in its answers are passed on as they are',
      );
      return -1;
    }
    const data = u24(header, at + 5);
    const ends = (digests.header ? 4 : 0) + (digests.data && data > 0 ? 4 : 0);
    return BHS_BYTES + header[at + 4] * 4 + data + (-data & 3) + ends;
  }

  /** Adds to the PDU being gathered; returns where that ended. */
  #gather(bytes: Uint8Array, at: number, length: number, out: RunSink): number {
    let pdu = this.#pdu as Uint8Array;
    const n = Math.min(pdu.length - this.#pduBytes, length - at);
    pdu.set(bytes.subarray(at, at + n), this.#pduBytes);
    this.#pduBytes += n;
    if (this.#pduBytes < pdu.length) return at + n;
    if (pdu.length === BHS_BYTES) {
      const total = this.#lengthOf(pdu, 0);
      if (total < 0 || u24(pdu, 5) > MAX_TEXT_BYTES) {
        if (total > 0)
          this.#options.notice('a target’s text answer is too long to be looked at: it is passed on as it is');
        this.#pdu = undefined;
        out(pdu, 0, BHS_BYTES, BHS_BYTES);
        if (total > 0) this.#skip = total - BHS_BYTES;
        return at + n;
      }
      if (total > BHS_BYTES) {
        pdu = new Uint8Array(total);
        pdu.set(this.#pdu as Uint8Array);
        this.#pdu = pdu;
        return at + n;
      }
    }
    this.#pdu = undefined;
    this.#finish(pdu, out);
    return at + n;
  }

  /** A whole Text or Login Response. */
  #finish(pdu: Uint8Array, out: RunSink): void {
    const digests = this.#loggedIn ? this.#options.digests() : NO_DIGESTS;
    const login = pdu[0] === Op.loginResponse;
    const goesOn = (pdu[1] & 0x40) !== 0;
    const start = BHS_BYTES + pdu[4] * 4 + (digests?.header ? 4 : 0);
    const data = pdu.subarray(start, start + u24(pdu, 5));
    const max = Math.max(this.#options.segmentMax(), data.length);
    const text = this.#text.rewrite(data, goesOn, u32(pdu, 16), max);
    if (text !== undefined && text.length > max)
      this.#options.notice(`an answer with ${this.#options.portal} in it is longer than the host says it takes`);
    if (login && !this.#loggedIn && pdu[36] === 0 && (pdu[1] & FINAL_LOGIN) === FINAL_LOGIN) this.#loggedIn = true;
    const whole = text === undefined ? pdu : rebuilt(pdu, text, digests ?? NO_DIGESTS);
    out(whole, 0, whole.length, pdu.length);
  }
}

const NO_DIGESTS = { header: false, data: false };

function isText(first: number): boolean {
  return first === Op.loginResponse || first === Op.textResponse;
}
