import { u16 } from '../../../parsers/bytes.ts';
import { parseSense, type SenseData } from '../../../parsers/scsi/sense.ts';
import { Fault, isParseFault } from '../../base/fault.ts';
import type { Incoming } from './incoming.ts';
import type { Wire } from './wire.ts';

/** Events, RFC 7143 section 11.9.1. */
const SENSE = 0;
const LOGOUT_REQUEST = 1;
const DROPS_CONNECTION = 2;
const DROPS_SESSION = 3;
const NEGOTIATE = 4;

export interface AsyncOwner {
  /** The target asks for a logout within so many seconds. */
  logoutWanted(seconds: number): void;
  /** Sense data that came with no command. */
  sense(sense: SenseData): void;
}

/** Asynchronous messages (RFC 7143 section 11.9): what the target says without having been asked. */
export class AsyncEvents {
  readonly #wire: Wire;
  readonly #owner: AsyncOwner;

  constructor(wire: Wire, owner: AsyncOwner) {
    this.#wire = wire;
    this.#owner = owner;
  }

  message(pdu: Incoming, data: Uint8Array): void {
    const event = pdu.word36 >>> 24;
    const seconds = pdu.word40 & 0xffff;
    switch (event) {
      case SENSE:
        this.#sense(data, pdu.dataSegmentLength);
        return;
      case LOGOUT_REQUEST:
      case NEGOTIATE:
        // Parameters are negotiated anew by a new session.
        this.#owner.logoutWanted(seconds);
        return;
      case DROPS_CONNECTION:
      case DROPS_SESSION:
        throw new Fault('local', `${this.#wire.peer}: the target says that it drops the connection`);
      default:
      // Vendor specific, or of an extension that was not negotiated.
    }
  }

  #sense(data: Uint8Array, length: number): void {
    if (length < 3) return;
    const sense = parseSense(data, 2, Math.min(length - 2, u16(data, 0)));
    if (!isParseFault(sense)) this.#owner.sense(sense);
  }
}
