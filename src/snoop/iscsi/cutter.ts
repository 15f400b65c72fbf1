import { Op } from '../../../parsers/iscsi/opcodes.ts';
import { PduSplitter } from '../../../parsers/iscsi/splitter.ts';
import { copyOf } from '../../base/bytes.ts';
import type { Moment } from '../flow/moment.ts';
import type { Carrier, Side } from '../flow/stream.ts';
import { Hunter } from './hunter.ts';
import type { Nexus } from './nexus.ts';

/** Bytes of a connection without its start that are searched before it is called foreign, when nothing points to iSCSI. */
const FOREIGN_AFTER = 2 << 20;

/** Cuts both directions of a connection into PDUs and, after a loss, finds the next boundary with proof (requirement A8). */
export class Cutter {
  headerDigest: boolean | undefined;
  dataDigest: boolean | undefined;
  private readonly nexus: Nexus;
  private readonly carrier: () => Carrier;
  private readonly moment: Moment;
  private readonly splitters: [PduSplitter | undefined, PduSplitter | undefined] = [undefined, undefined];
  private readonly hunters: [Hunter, Hunter] = [new Hunter(), new Hunter()];
  private readonly positions: [number, number] = [0, 0];
  private anyHole = false;
  /** Position where the current hunt for a boundary began, per side. */
  private readonly huntFrom: [number, number] = [0, 0];
  /** Position in the host's direction up to which there was nothing but the login. */
  private loginEnd = 0;

  constructor(nexus: Nexus, carrier: () => Carrier, moment: Moment) {
    this.nexus = nexus;
    this.carrier = carrier;
    this.moment = moment;
  }

  bytes(side: Side, bytes: Uint8Array, offset: number, length: number): void {
    let splitter = this.splitters[side];
    if (splitter === undefined) splitter = this.start(side);
    if (splitter === undefined || splitter.lost) {
      this.hunt(side, bytes, offset, length);
      return;
    }
    const used = splitter.bytes(bytes, offset, length);
    this.positions[side] = splitter.position;
    if (splitter.lost) this.lost(side, splitter, bytes, offset + used, length - used);
  }

  hole(side: Side, length: number): void {
    this.anyHole = true;
    const splitter = this.splitters[side] ?? this.start(side);
    if (splitter === undefined || splitter.lost) {
      this.hunters[side].hole(length);
      this.positions[side] += length;
      return;
    }
    const used = splitter.hole(length);
    this.positions[side] = splitter.position + (length - used);
    if (!splitter.lost) return;
    this.beginHunt(side, splitter.start, splitter.start);
    const passed = splitter.position - splitter.start + (length - used);
    this.hunters[side].hole(passed);
    this.positions[side] += passed;
  }

  /** False where the disputed bytes can only be a hole. */
  disputed(side: Side, bytes: Uint8Array, offset: number, rival: Uint8Array, length: number): boolean {
    const splitter = this.splitters[side];
    if (splitter === undefined || !splitter.disputed(bytes, offset, rival, length)) return false;
    this.positions[side] = splitter.position;
    return true;
  }

  /** Bytes of `side` so far, holes included. */
  passed(side: Side): number {
    return this.positions[side];
  }

  /** Bytes of `side` since its boundary was lost, -1 while it is known. */
  adrift(side: Side): number {
    const splitter = this.splitters[side];
    return splitter === undefined || splitter.lost ? this.positions[side] - this.huntFrom[side] : -1;
  }

  /** True when the next `length` bytes of `side` lie within a data segment and do not complete it. */
  withinData(side: Side, length: number): boolean {
    const splitter = this.splitters[side];
    return splitter !== undefined && splitter.dataAhead > length;
  }

  /** Byte of `side` where the PDU at hand begins; 0 while that is not known. */
  pduStart(side: Side): number {
    const splitter = this.splitters[side];
    return splitter === undefined || splitter.lost ? 0 : splitter.start;
  }

  /** All of the host's direction so far belonged to the login. */
  loginOver(): void {
    this.loginEnd = this.positions[this.nexus.hostSide as Side];
  }

  setDigests(header: boolean | undefined, data: boolean | undefined): void {
    this.headerDigest = header;
    this.dataDigest = data;
    for (const side of [0, 1] as const) {
      const splitter = this.splitters[side];
      if (splitter === undefined) continue;
      splitter.headerDigest = header === true;
      splitter.dataDigest = data;
      // Without knowing whether digests are used no boundary after this one is certain: it has to be proved.
      if (header === undefined && !splitter.lost) {
        splitter.lose();
        this.beginHunt(side, splitter.start, splitter.start);
      }
    }
  }

  /** A direction was passed over without being understood up to `to`. */
  gap(side: Side, to: number): void {
    const { nexus } = this;
    if (side !== nexus.hostSide || nexus.phase !== 'full') return;
    const bytes = to - Math.max(this.huntFrom[side], this.loginEnd);
    if (bytes > 0) nexus.missed(bytes);
  }

  /** The first bytes of a side: with the opening seen the roles are known and a boundary stands at the start of both. */
  private start(side: Side): PduSplitter | undefined {
    const { opener } = this.carrier();
    if (opener === undefined) return undefined;
    if (this.nexus.hostSide === undefined) this.nexus.rolesKnown(opener);
    return this.makeSplitter(side);
  }

  private makeSplitter(side: Side): PduSplitter {
    const { nexus } = this;
    const toTarget = side === nexus.hostSide;
    const pdus = toTarget ? nexus.host : nexus.target;
    const splitter = new PduSplitter(
      {
        header: (pdu) => {
          nexus.headerPassed();
          pdus.header(pdu);
          if (!toTarget && nexus.onStatus !== undefined) nexus.noteStatus(pdu);
        },
        data: (_pdu, bytes, offset, length, at) => pdus.data(bytes, offset, length, at),
        dataHole: (_pdu, length, at) => pdus.dataHole(length, at),
        instead: (_pdu, bytes, at) => pdus.instead(bytes, at),
        end: (pdu, verdict) => {
          if (this.dataDigest === undefined && pdu.dataDigest !== undefined && pdu.dataLength > 0)
            this.settleDataDigest(pdu.dataDigest);
          pdus.end(pdu, verdict);
          if (!toTarget && nexus.onStatus !== undefined) nexus.tellStatus();
        },
      },
      toTarget,
    );
    splitter.headerDigest = this.headerDigest === true;
    splitter.dataDigest = nexus.phase === 'full' ? this.dataDigest : false;
    this.splitters[side] = splitter;
    return splitter;
  }

  private settleDataDigest(used: boolean): void {
    this.dataDigest = used;
    for (const splitter of this.splitters) if (splitter !== undefined) splitter.dataDigest = used;
  }

  // --- losing and finding the boundary

  private lost(side: Side, splitter: PduSplitter, bytes: Uint8Array, offset: number, length: number): void {
    const carrier = this.carrier();
    if (this.nexus.phase === 'start' && !this.anyHole && carrier.begun(0) && carrier.begun(1)) {
      this.nexus.disown();
      return;
    }
    const partial = copyOf(splitter.partial);
    this.beginHunt(side, splitter.start, splitter.start);
    if (partial.length > 0) {
      this.hunters[side].add(partial, 0, partial.length, this.moment.frame, this.moment.time);
      this.positions[side] += partial.length;
    }
    if (length > 0) this.hunt(side, bytes, offset, length);
  }

  private beginHunt(side: Side, position: number, boundary: number): void {
    this.huntFrom[side] = position;
    this.positions[side] = position;
    this.hunters[side].begin(position, boundary);
    this.nexus.boundaryLost(side === this.nexus.hostSide);
  }

  private hunt(side: Side, bytes: Uint8Array, offset: number, length: number): void {
    const { nexus, moment } = this;
    const hunter = this.hunters[side];
    hunter.add(bytes, offset, length, moment.frame, moment.time);
    this.positions[side] += length;
    const roles = nexus.hostSide === undefined ? [true, false] : [side === nexus.hostSide];
    // The loss may have taken the login's end: only a PDU found later tells whether digests are in use.
    const found = hunter.find(roles, this.headerDigest, this.dataDigest, nexus);
    if (found === undefined) {
      if (nexus.hostSide === undefined && hunter.searched > FOREIGN_AFTER && !nexus.likely()) nexus.disown();
      return;
    }
    const first = this.splitters[side] === undefined;
    if (nexus.hostSide === undefined) nexus.rolesKnown(found.toTarget ? side : ((1 - side) as Side));
    const opcode = hunter.buffer[found.at] & 0x3f;
    if (opcode !== Op.login && opcode !== Op.loginResponse) nexus.beyondLogin();
    if (nexus.phase === 'full') {
      if (this.headerDigest === undefined) this.headerDigest = found.headerDigest;
      for (const s of this.splitters) if (s !== undefined) s.headerDigest = this.headerDigest;
      this.dataDigest ??= found.dataDigest;
    }
    const splitter = this.splitters[side] ?? this.makeSplitter(side);
    const boundary = hunter.position + found.at;
    splitter.headerDigest = nexus.phase === 'full' && this.headerDigest === true;
    splitter.dataDigest = nexus.phase === 'full' ? this.dataDigest : false;
    splitter.resume(boundary);
    // Before the first boundary of a stream that was joined in its middle nothing can be accounted for: its tasks show
    // themselves as ghosts.
    if (!(first && !this.carrier().begun(side))) this.gap(side, boundary);
    const { frame: lastFrame, time: lastTime } = moment;
    hunter.replay(found.at, (run, at, n, frame, time) => {
      moment.set(frame, time);
      this.bytes(side, run, at, n);
    });
    moment.set(lastFrame, lastTime);
  }
}
