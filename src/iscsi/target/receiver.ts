import { Op } from '../../../parsers/iscsi/opcodes.ts';
import { type DigestVerdict, type PduSink, PduSplitter } from '../../../parsers/iscsi/splitter.ts';
import { Fault } from '../../base/fault.ts';
import { TEXT_SEGMENT_MAX } from './limits.ts';
import { Request } from './request.ts';
import type { Task } from './task.ts';

/** Where a data segment goes: to a task, to whoever is told of the whole PDU, or nowhere. */
export type Landing = Task | 'gathered' | 'dropped';

/** Who is told of PDUs; the request and its data are borrowed for the call. */
export interface PduHandler {
  header(request: Request): Landing;
  /** The whole PDU has come. `damaged`: its data digest does not fit. `data` is empty where it landed or was dropped. */
  whole(request: Request, data: Uint8Array, damaged: boolean): void;
}

const NOTHING = new Uint8Array(0);
const GATHERED_BYTES = 512;

/** Cuts what an initiator sends into PDUs; a command's data goes straight from the socket's buffer to where it belongs. */
export class Receiver implements PduSink {
  readonly #handler: PduHandler;
  readonly #splitter: PduSplitter;
  readonly #request = new Request();
  #gathered: Uint8Array = new Uint8Array(GATHERED_BYTES);
  #landing: Landing = 'dropped';
  #landAt = 0;
  #stopped = false;

  constructor(handler: PduHandler) {
    this.#handler = handler;
    this.#splitter = new PduSplitter(this, true);
    this.#splitter.anyOpcode = true;
    this.#splitter.maxDataLength = TEXT_SEGMENT_MAX;
  }

  /** False for bytes that are no iSCSI: nothing more can be made of the connection. */
  bytes(bytes: Uint8Array, offset: number, length: number): boolean {
    if (this.#stopped) return true;
    this.#splitter.bytes(bytes, offset, length);
    return this.#stopped || !this.#splitter.lost;
  }

  /** From the next PDU on. */
  settle(headerDigest: boolean, dataDigest: boolean, segmentMax: number): void {
    this.#splitter.headerDigest = headerDigest;
    this.#splitter.dataDigest = dataDigest;
    this.#splitter.maxDataLength = segmentMax;
  }

  /** Nothing more is taken. */
  stop(): void {
    this.#stopped = true;
    this.#splitter.lost = true;
  }

  header(splitter: PduSplitter): void {
    const request = this.#request;
    const { dataLength } = splitter;
    request.read(splitter.bhs, splitter.bhsAt, splitter.ahsBytes, dataLength);
    this.#landing = this.#handler.header(request);
    splitter.want = dataLength > 0 && this.#landing !== 'dropped';
    this.#landAt = request.opcode === Op.dataOut ? request.word40 : 0;
    if (this.#landing === 'gathered' && dataLength > this.#gathered.length) this.#gathered = new Uint8Array(dataLength);
  }

  data(_splitter: PduSplitter, bytes: Uint8Array, offset: number, length: number, at: number): void {
    const landing = this.#landing;
    if (typeof landing === 'object') landing.land(this.#landAt + at, bytes, offset, length);
    else this.#gathered.set(bytes.subarray(offset, offset + length), at);
  }

  dataHole(): void {
    throw new Fault('bug', 'a hole in a connection of our own');
  }

  instead(): void {
    throw new Fault('bug', 'disputed bytes in a connection of our own');
  }

  end(_splitter: PduSplitter, verdict: DigestVerdict): void {
    const request = this.#request;
    const gathered = this.#gathered;
    const data = this.#landing === 'gathered' ? gathered.subarray(0, request.dataLength) : NOTHING;
    this.#handler.whole(request, data, verdict === 'bad');
    if (gathered.length > TEXT_SEGMENT_MAX) this.#gathered = new Uint8Array(GATHERED_BYTES);
  }
}
