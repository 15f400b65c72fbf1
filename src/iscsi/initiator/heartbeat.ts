import { putLun, putNopOut, putSequence } from '../../../parsers/iscsi/headers.ts';
import { NO_TAG } from '../../../parsers/iscsi/opcodes.ts';
import { Fault } from '../../base/fault.ts';
import type { Incoming } from './incoming.ts';
import type { Wire } from './wire.ts';

/** Pings of the target answered without the answers being sent: more than any that reads would leave. */
const ANSWERS_MAX = 1024;

export interface HeartbeatOptions {
  /** Nanoseconds of silence before the target is pinged, those after which it is said to be silent, and those it then has to say anything. */
  pingAfterNs: number;
  silentNs: number;
  answerNs: number;
  /** A tag that no other request has. */
  tag: () => number;
}

/** Whoever is looked at more seldom than this stood still itself: what came meanwhile has not been read. */
const STOOD_STILL_NS = 1e9;

/** NOP-Out and NOP-In both ways (RFC 7143 sections 11.18 and 11.19): finds a peer that is gone without a word. */
export class Heartbeat {
  readonly #wire: Wire;
  readonly #options: HeartbeatOptions;
  #heardAt = 0;
  #pingTag = NO_TAG;
  #pingedAt = 0;
  #answers = 0;
  #tickedAt = 0;
  #stoodStillAt = 0;
  #silent = false;

  constructor(wire: Wire, options: HeartbeatOptions) {
    this.#wire = wire;
    this.#options = options;
  }

  /** It does not say anything, pinged as it is; nothing has come of that yet. */
  get silent(): boolean {
    return this.#silent;
  }

  heard(now: number): void {
    this.#heardAt = now;
    this.#silent = false;
  }

  flushed(): void {
    this.#answers = 0;
  }

  tick(now: number): void {
    const { pingAfterNs, silentNs, answerNs, tag } = this.#options;
    if (now - this.#tickedAt > STOOD_STILL_NS) this.#stoodStillAt = now;
    this.#tickedAt = now;
    if (this.#pingTag !== NO_TAG) {
      const since = Math.max(this.#heardAt, this.#pingedAt);
      if (now - Math.max(since, this.#stoodStillAt) > silentNs) this.#silent = true;
      if (now - since <= answerNs) return;
      const what = `${this.#wire.peer} is silent and does not answer pings`;
      throw new Fault('local', what, 'look at the target and at the network to it');
    }
    if (now - this.#heardAt <= pingAfterNs) return;
    this.#pingTag = tag();
    this.#pingedAt = now;
    this.#send(this.#pingTag, NO_TAG, undefined);
  }

  /** NOP-In: an answer to a ping of ours, or a ping that wants an answer. */
  nopIn(pdu: Incoming): void {
    if (pdu.itt === NO_TAG) {
      if (pdu.ttt === NO_TAG) return;
      if (++this.#answers > ANSWERS_MAX) throw this.#wire.wrong('pings and does not read the answers');
      this.#send(NO_TAG, pdu.ttt, pdu.lun);
    } else if (pdu.itt === this.#pingTag) {
      this.#pingTag = NO_TAG;
    } else {
      throw this.#wire.wrong(`answers a ping that was never sent (ITT ${pdu.itt.toString(16)}h)`);
    }
  }

  #send(itt: number, ttt: number, lun: Uint8Array | undefined): void {
    const { out, sequence } = this.#wire;
    const at = out.begin();
    putNopOut(out.slab, at, itt, ttt);
    if (lun) putLun(out.slab, at, lun);
    putSequence(out.slab, at, sequence.cmdSn, sequence.expStatSn);
    out.header();
  }
}
