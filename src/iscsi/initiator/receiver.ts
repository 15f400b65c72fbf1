import { Op } from '../../../parsers/iscsi/opcodes.ts';
import { type DigestVerdict, type PduSink, PduSplitter } from '../../../parsers/iscsi/splitter.ts';
import { Fault } from '../../base/fault.ts';
import type { Command } from './command.ts';
import { Incoming } from './incoming.ts';
import type { Wire } from './wire.ts';

/** Who is told of PDUs; `pdu` and the data behind it are borrowed for the call. */
export interface PduHandler {
  /** A Data-In header: the command whose buffer its data lands in. */
  dataIn(pdu: Incoming): Command;
  /** The whole PDU has come. `data` holds `pdu.dataSegmentLength` bytes, but for a Data-In's, which have landed. */
  whole(pdu: Incoming, data: Uint8Array): void;
}

/** Data segments that are gathered before they are looked at: login text, sense, rejects, events. */
const GATHER_MAX = 65536;

/** Cuts what the target sends into PDUs; data goes straight from the socket's buffer to where it belongs. */
export class Receiver implements PduSink {
  readonly #wire: Wire;
  readonly #handler: PduHandler;
  readonly #splitter: PduSplitter;
  readonly #pdu = new Incoming();
  #gathered: Uint8Array = new Uint8Array(512);
  #landing: Command | undefined;

  constructor(wire: Wire, handler: PduHandler) {
    this.#wire = wire;
    this.#handler = handler;
    this.#splitter = new PduSplitter(this, false);
    this.#splitter.maxDataLength = wire.parameters.receiveSegmentMax;
  }

  /** Throws a `Fault` for bytes that are no iSCSI. */
  bytes(bytes: Uint8Array, offset: number, length: number): void {
    const splitter = this.#splitter;
    const stopped = splitter.lost;
    splitter.bytes(bytes, offset, length);
    if (stopped || !splitter.lost || this.#stopped) return;
    const digest = splitter.headerDigest ? ', or was damaged on the way (header digest)' : '';
    throw this.#wire.wrong(`sends what is no iSCSI${digest} (byte ${splitter.start} of the connection)`);
  }

  /** From the next PDU on. */
  digests(header: boolean, data: boolean): void {
    this.#splitter.headerDigest = header;
    this.#splitter.dataDigest = data;
  }

  #stopped = false;

  /** Nothing more is taken. */
  stop(): void {
    this.#stopped = true;
    this.#splitter.lost = true;
  }

  header(splitter: PduSplitter): void {
    const pdu = this.#pdu;
    const length = splitter.dataLength;
    pdu.read(splitter.bhs, splitter.bhsAt, splitter.opcode, length);
    splitter.want = length > 0;
    this.#landing = undefined;
    if (splitter.opcode === Op.dataIn) this.#landing = this.#handler.dataIn(pdu);
    else if (length > GATHER_MAX) throw this.#wire.wrong(`sends ${length} bytes where a few are due`);
    else if (length > this.#gathered.length) this.#gathered = new Uint8Array(length);
  }

  data(_splitter: PduSplitter, bytes: Uint8Array, offset: number, length: number, at: number): void {
    const part = bytes.subarray(offset, offset + length);
    if (this.#landing) this.#landing.into?.set(part, this.#pdu.word40 + at);
    else this.#gathered.set(part, at);
  }

  dataHole(): void {
    throw new Fault('bug', 'a hole in a connection of our own');
  }

  instead(): void {
    throw new Fault('bug', 'disputed bytes in a connection of our own');
  }

  end(_splitter: PduSplitter, verdict: DigestVerdict): void {
    if (verdict === 'bad') throw this.#wire.wrong('sent data that its digest does not fit: it was damaged on the way');
    this.#handler.whole(this.#pdu, this.#gathered);
  }
}
