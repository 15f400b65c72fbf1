import type { Bytes, From, Link } from './link.ts';
import { cdbAhs, type Header, lunField, pdu, text } from './pdu.ts';

/** A command that was sent. */
export interface Sent {
  itt: number;
  cmdSn: number;
  lun: Bytes;
  out: Bytes;
  edtl: number;
}

export interface CommandShape {
  /** The whole of the data-out; what is not sent with the command is sent with `dataOut`. */
  out?: Bytes;
  /** How much of it goes with the command as immediate data; all by default. */
  immediate?: number;
  /** Expected length of data-in. */
  in?: number;
  edtl?: number;
  /** Instead of the R and W bits that the data calls for. */
  bits?: number;
  lun?: number;
  flat?: boolean;
  itt?: number;
  /** Immediate delivery: CmdSN does not advance (RFC 7143 section 4.2.2.1). */
  urgent?: boolean;
  cmdSn?: number;
}

export interface StatusShape {
  status?: number;
  sense?: Bytes;
  /** Response code; 0 is "completed at target". */
  response?: number;
  underflow?: number;
  overflow?: number;
  statSn?: number;
}

/** What the connections of one session share. */
export interface SessionNumbers {
  cmdSn: number;
  itt: number;
  tsih: number;
}

const NONE = 0xffffffff;

/** One iSCSI connection, scripted: every call is one PDU, in the order of the calls (RFC 7143 section 11). */
export class Connection {
  readonly link: Link;
  readonly session: SessionNumbers;
  statSn = 1;
  /** Digests in use. */
  headerDigest = false;
  dataDigest = false;
  /** Changes the next PDU's bytes before they are sent. */
  alter: ((bytes: Bytes) => Bytes) | undefined;

  constructor(link: Link, session: SessionNumbers = { cmdSn: 1, itt: 1, tsih: 0 }) {
    this.link = link;
    this.session = session;
  }

  /** Sends a PDU made of `header`, with the digests in use. */
  send(from: From, header: Header): void {
    const bytes = pdu(header, { header: this.headerDigest, data: this.dataDigest });
    const { alter } = this;
    this.alter = undefined;
    this.link.send(from, alter === undefined ? bytes : alter(bytes));
  }

  /** A login in one exchange: the host's keys and the target's (RFC 7143 section 6.3). */
  login(keys: Readonly<Record<string, string>>, answer: Readonly<Record<string, string>> = {}, isid = 1): this {
    this.loginRequest(text(keys), { isid });
    this.loginAnswer(text(answer));
    this.headerDigest = this.digest(keys.HeaderDigest, answer.HeaderDigest);
    this.dataDigest = this.digest(keys.DataDigest, answer.DataDigest);
    return this;
  }

  /** One Login Request; `more` is the C bit, without it the PDU asks for the full feature phase. */
  loginRequest(data: Bytes, o: { isid?: number; more?: boolean } = {}): void {
    const { isid = 1, more = false } = o;
    const { tsih, cmdSn } = this.session;
    const lun = Uint8Array.of(0x80, 0, 0, 0, 0, isid, tsih >> 8, tsih & 255);
    const flags = more ? 0x44 : 0x87;
    this.send('host', { opcode: 3, immediate: true, flags, lun, itt: 0, words: { 24: cmdSn, 28: 0 }, data });
  }

  loginAnswer(data: Bytes = new Uint8Array(0), o: { more?: boolean; status?: number; step?: boolean } = {}): void {
    const flags = o.more ? 0x44 : o.step ? 0x04 : 0x87;
    const words = { 24: this.statSn++, 28: this.session.cmdSn, 32: this.session.cmdSn + 64, 36: (o.status ?? 0) << 24 };
    this.send('target', { opcode: 0x23, flags, lun: new Uint8Array(8), itt: 0, words, data });
  }

  command(cdb: Bytes, o: CommandShape = {}): Sent {
    const out = o.out ?? new Uint8Array(0);
    const edtl = o.edtl ?? (out.length || (o.in ?? 0));
    const lun = lunField(o.lun ?? 0, o.flat);
    const itt = o.itt ?? this.session.itt++;
    const cmdSn = o.cmdSn ?? this.session.cmdSn;
    if (o.cmdSn === undefined && !o.urgent) this.session.cmdSn = (cmdSn + 1) >>> 0;
    const data = out.subarray(0, o.immediate ?? out.length);
    const bits = o.bits ?? (out.length > 0 ? 0x20 : 0) | ((o.in ?? 0) > 0 ? 0x40 : 0);
    const words = { 20: edtl, 24: cmdSn, 28: this.statSn };
    const head = { opcode: 1, immediate: o.urgent === true, flags: 0x80 | bits | 1, lun, itt, words };
    const whole = new Uint8Array(16);
    whole.set(cdb.subarray(0, 16));
    this.send('host', { ...head, cdb: whole, ahs: cdbAhs(cdb), data });
    return { itt, cmdSn, lun, out, edtl };
  }

  /** Data-Out of [offset, offset + length) of the command's data; `ttt` NONE for unsolicited (section 11.7). */
  dataOut(sent: Sent, offset: number, length: number, o: { ttt?: number; more?: boolean } = {}): void {
    const words = { 20: o.ttt ?? NONE, 28: this.statSn, 36: 0, 40: offset };
    const data = sent.out.subarray(offset, offset + length);
    this.send('host', { opcode: 5, flags: o.more ? 0 : 0x80, lun: sent.lun, itt: sent.itt, words, data });
  }

  r2t(sent: Sent, offset: number, length: number, ttt = 7): void {
    const words = { 20: ttt, ...this.counts(this.statSn), 36: 0, 40: offset, 44: length };
    this.send('target', { opcode: 0x31, lun: sent.lun, itt: sent.itt, words });
  }

  /** Data-In; with `status` the S bit says that the command is done, too (section 11.7.3). */
  dataIn(sent: Sent, data: Bytes, o: { offset?: number; status?: number; underflow?: number } = {}): void {
    const done = o.status !== undefined;
    const flags = (done ? 0x81 : 0) | (o.underflow ? 2 : 0);
    const words = { 20: NONE, ...this.counts(done ? this.statSn++ : 0), 40: o.offset ?? 0, 44: o.underflow ?? 0 };
    this.send('target', { opcode: 0x25, flags, three: o.status ?? 0, itt: sent.itt, words, data });
  }

  /** SCSI Response (section 11.4). */
  status(sent: { itt: number }, o: StatusShape = {}): void {
    const flags = 0x80 | (o.underflow ? 2 : 0) | (o.overflow ? 4 : 0);
    const words = { ...this.counts(o.statSn ?? this.statSn++), 44: o.underflow ?? o.overflow ?? 0 };
    const status = o.status ?? (o.sense === undefined ? 0 : 2);
    const head = { opcode: 0x21, flags, two: o.response ?? 0, three: status, itt: sent.itt, words };
    this.send('target', o.sense === undefined ? head : { ...head, data: o.sense });
  }

  /** A command that reads and its answer. */
  ask(cdb: Bytes, answer: Bytes, o: CommandShape & { edtl?: number } = {}): void {
    const edtl = o.edtl ?? 255;
    const sent = this.command(cdb, { ...o, in: edtl });
    const short = edtl - answer.length;
    this.dataIn(sent, answer, { status: 0, ...(short > 0 ? { underflow: short } : {}) });
  }

  /** Task Management Function Request (section 11.5). */
  manage(fn: number, o: { ref?: Sent; lun?: number } = {}): { itt: number } {
    const itt = this.session.itt++;
    const words = { 20: o.ref?.itt ?? NONE, 24: this.session.cmdSn, 28: this.statSn };
    const lun = lunField(o.lun ?? 0);
    this.send('host', { opcode: 2, immediate: true, flags: 0x80 | fn, lun, itt, words });
    return { itt };
  }

  managed(request: { itt: number }, response = 0): void {
    this.send('target', { opcode: 0x22, two: response, itt: request.itt, words: this.counts(this.statSn++) });
  }

  /** NOP-Out with a tag and its NOP-In. */
  ping(): void {
    const itt = this.session.itt++;
    const words = { 20: NONE, 24: this.session.cmdSn, 28: this.statSn };
    this.send('host', { opcode: 0, immediate: true, itt, words });
    this.send('target', { opcode: 0x20, itt, words: { 20: NONE, ...this.counts(this.statSn++) } });
  }

  /** Text Request and Response (sections 11.10, 11.11), as a discovery session has them. */
  text(request: Readonly<Record<string, string>>, answer: Readonly<Record<string, string>>): void {
    const itt = this.session.itt++;
    const words = { 20: NONE, 24: this.session.cmdSn++, 28: this.statSn };
    this.send('host', { opcode: 4, itt, words, data: text(request) });
    this.send('target', { opcode: 0x24, itt, words: { 20: NONE, ...this.counts(this.statSn++) }, data: text(answer) });
  }

  logout(): void {
    const itt = this.session.itt++;
    this.send('host', { opcode: 6, itt, words: { 24: this.session.cmdSn++, 28: this.statSn } });
    this.send('target', { opcode: 0x26, itt, words: this.counts(this.statSn++) });
  }

  /** Asynchronous Message (section 11.9). */
  async(event: number): void {
    const words = { ...this.counts(this.statSn++), 36: event << 24 };
    this.send('target', { opcode: 0x32, words });
  }

  /** Reject (section 11.17) with the header of what was rejected. */
  reject(reason: number, header: Bytes): void {
    const data = header.subarray(0, 48);
    this.send('target', { opcode: 0x3f, two: reason, words: this.counts(this.statSn++), data });
  }

  /** Both sides close, `first` first. */
  close(first: From = 'host'): void {
    this.link.fin(first);
    this.link.fin(first === 'host' ? 'target' : 'host');
    this.link.ack(first);
  }

  private counts(statSn: number): Record<number, number> {
    const { cmdSn } = this.session;
    return { 24: statSn, 28: cmdSn, 32: (cmdSn + 64) >>> 0 };
  }

  private digest(offer: string | undefined, answer: string | undefined): boolean {
    return offer?.includes('CRC32C') === true && answer === 'CRC32C';
  }
}
