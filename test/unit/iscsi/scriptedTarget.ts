import { parseText } from '../../../parsers/iscsi/text.ts';
import type { SenseData } from '../../../parsers/scsi/sense.ts';
import type { Fault } from '../../../src/base/fault.ts';
import { Command } from '../../../src/iscsi/initiator/command.ts';
import { InitiatorSession, type SessionOptions, type SessionOwner } from '../../../src/iscsi/initiator/session.ts';
import type { Bytes } from '../../kit/link.ts';
import { crc32c as digestBytes, type Header, pdu, text } from '../../kit/pdu.ts';

/** One PDU that the initiator sent, read apart from the code under test. */
export interface Sent {
  opcode: number;
  immediate: boolean;
  flags: number;
  itt: number;
  ttt: number;
  edtl: number;
  cmdSn: number;
  expStatSn: number;
  dataSn: number;
  offset: number;
  cdb: Bytes;
  data: Bytes;
}

/** A session under test and what happened to it. */
export class ScriptedTarget implements SessionOwner {
  readonly session: InitiatorSession;
  now = 0;
  unsent = 0;
  statSn = 100;
  /** Commands that may be sent beyond the one that is expected. */
  window = 32;
  expCmdSn = 0;
  fault: Fault | undefined;
  isUp = false;
  isOut = false;
  movedTo: string | undefined;
  wanted: number | undefined;
  senses: SenseData[] = [];
  digests: { header?: boolean; data?: boolean } = {};
  #rest: Bytes = new Uint8Array(0);

  constructor(options: Partial<SessionOptions> = {}) {
    let counter = 0;
    this.session = new InitiatorSession(
      {
        peer: '10.0.0.9:3260',
        initiatorName: 'iqn.2024-01.example:me',
        targetName: 'iqn.2024-01.example:disk',
        credentials: undefined,
        algorithms: [8, 7, 6, 5],
        digests: { header: false, data: false },
        random: (length) => Uint8Array.from({ length }, () => ++counter & 0xff),
        isid: Uint8Array.of(0x80, 1, 2, 3, 4, 5),
        unsent: () => this.unsent,
        commandsMax: 8,
        mayReset: true,
        pingAfterNs: 5e9,
        silentNs: 2e9,
        pongNs: 5e9,
        managementNs: 5e9,
        ...options,
      },
      this,
    );
  }

  up(): void {
    this.isUp = true;
  }

  moved(address: string): void {
    this.movedTo = address;
  }

  over(fault: Fault): void {
    this.fault = fault;
  }

  loggedOut(): void {
    this.isOut = true;
  }

  logoutWanted(seconds: number): void {
    this.wanted = seconds;
  }

  sense(sense: SenseData): void {
    this.senses.push(sense);
  }

  /** What the initiator has sent since the last call. */
  sent(): Sent[] {
    const bytes = Buffer.concat([this.#rest, ...this.session.take()]);
    this.session.flushed();
    const out: Sent[] = [];
    let at = 0;
    while (at + 48 <= bytes.length) {
      const length = bytes.readUIntBE(at + 5, 3);
      let dataAt = at + 48;
      if (this.digests.header) {
        if (!digestBytes(bytes.subarray(at, dataAt)).every((b, i) => b === bytes[dataAt + i]))
          throw new Error('header digest');
        dataAt += 4;
      }
      const end = dataAt + length + (-length & 3);
      if (this.digests.data && length > 0) {
        if (!digestBytes(bytes.subarray(dataAt, end)).every((b, i) => b === bytes[end + i]))
          throw new Error('data digest');
      }
      out.push({
        opcode: bytes[at] & 0x3f,
        immediate: (bytes[at] & 0x40) !== 0,
        flags: bytes[at + 1],
        itt: bytes.readUInt32BE(at + 16),
        ttt: bytes.readUInt32BE(at + 20),
        edtl: bytes.readUInt32BE(at + 20),
        cmdSn: bytes.readUInt32BE(at + 24),
        expStatSn: bytes.readUInt32BE(at + 28),
        dataSn: bytes.readUInt32BE(at + 36),
        offset: bytes.readUInt32BE(at + 40),
        cdb: Uint8Array.from(bytes.subarray(at + 32, at + 48)),
        data: Uint8Array.from(bytes.subarray(dataAt, dataAt + length)),
      });
      at = end + (this.digests.data && length > 0 ? 4 : 0);
    }
    this.#rest = Uint8Array.from(bytes.subarray(at));
    return out;
  }

  /** The one PDU that was sent. */
  one(): Sent {
    const all = this.sent();
    if (all.length !== 1) throw new Error(`${all.length} PDUs were sent`);
    return all[0];
  }

  raw(bytes: Bytes): void {
    this.session.received(bytes, 0, bytes.length, this.now);
  }

  /** Sends a PDU with the usual numbers; `status`: it carries one, so StatSN moves on. */
  say(header: Header, status: boolean): void {
    const words = { 24: this.statSn, 28: this.expCmdSn, 32: this.expCmdSn + this.window - 1, ...header.words };
    if (status) this.statSn++;
    this.raw(pdu({ ...header, words }, this.digests));
  }

  /** A login response with these keys. */
  login(flags: number, keys: Readonly<Record<string, string>>, statusWord = 0, itt?: number): void {
    const tag = itt ?? this.#loginTag;
    this.say({ opcode: 0x23, flags, itt: tag, words: { 36: statusWord }, data: text(keys) }, true);
  }

  /** The keys of the login request that was sent. */
  asked(): Map<string, string> {
    const request = this.one();
    this.#loginTag = request.itt;
    this.expCmdSn = request.cmdSn;
    return parseText(request.data);
  }

  #loginTag = 0;

  /** Through the whole login, with these answers in the operational stage. */
  logIn(keys: Readonly<Record<string, string>> = {}): this {
    this.session.start(this.now);
    this.asked();
    this.login(0x81, { TargetPortalGroupTag: '1' });
    this.asked();
    this.login(0x87, keys);
    if (!this.isUp) throw new Error(`not logged in: ${this.fault?.message}`);
    return this;
  }

  response(itt: number, status = 0, more: Header['words'] = {}, flags = 0x80, data?: Bytes): void {
    this.expCmdSn = (this.expCmdSn + 1) >>> 0;
    this.say({ opcode: 0x21, flags, three: status, itt, words: more, ...(data ? { data } : {}) }, true);
  }

  r2t(itt: number, r2tSn: number, offset: number, length: number, ttt = 7): void {
    this.say({ opcode: 0x31, itt, words: { 20: ttt, 36: r2tSn, 40: offset, 44: length } }, false);
  }

  dataIn(itt: number, dataSn: number, offset: number, data: Bytes, status?: number): void {
    const flags = status === undefined ? 0 : 0x81;
    const words = { 20: 0xffffffff, 36: dataSn, 40: offset };
    if (status !== undefined) this.expCmdSn = (this.expCmdSn + 1) >>> 0;
    this.say({ opcode: 0x25, flags, three: status ?? 0, itt, words, data }, status !== undefined);
  }
}

/** A command that remembers that it ended. */
export class Watched extends Command {
  ends = 0;

  constructor() {
    super();
    this.limitNs = 30e9;
    this.cdb[0] = 0x2a;
    this.ended = () => {
      this.ends++;
    };
  }

  static write(parts: readonly Bytes[]): Watched {
    const command = new Watched();
    command.parts = parts;
    command.outBytes = parts.reduce((sum, part) => sum + part.length, 0);
    return command;
  }

  static read(length: number): Watched {
    const command = new Watched();
    command.cdb[0] = 0x28;
    command.into = new Uint8Array(length);
    command.inBytes = length;
    return command;
  }
}

/** Nanoseconds. */
export const SECOND = 1e9;

/** Bytes that are easily told apart. */
export function bytes(length: number, first = 0): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => first + i * 7);
}
