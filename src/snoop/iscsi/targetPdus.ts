import { u32 } from '../../../parsers/bytes.ts';
import { NO_TAG, Op } from '../../../parsers/iscsi/opcodes.ts';
import type { DigestVerdict, PduSplitter } from '../../../parsers/iscsi/splitter.ts';
import { add32, diff32 } from '../../base/serial32.ts';
import type { Task } from '../task.ts';
import type { Nexus } from './nexus.ts';

/** Sense data is kept up to here; SPC-5 section 4.4.2 allows 252 bytes. */
const SENSE_MAX = 260;
const SKIP_MAX = 65536;

/** Answers, from the target to the host: RFC 7143 sections 11.4, 11.6 to 11.9, 11.11, 11.13, 11.15, 11.17, 11.19. */
export class TargetPdus {
  private readonly nexus: Nexus;
  private task: Task | undefined;
  private opcode = 0;
  private base = 0;
  private itt = 0;
  private status = -1;
  /** Residual count, where the U bit says that less was transferred (RFC 7143 section 11.4.5). */
  private underflow = 0;
  /** A residual of either kind: the transfer's length tells nothing about blocks. */
  private residual = false;
  /** A StatSN that was seen before: sent again (RFC 7143 section 7.2.1). */
  private again = false;
  private goesOn = false;
  private loginDone = false;
  private readonly sense = new Uint8Array(SENSE_MAX);
  private senseLength = 0;
  private senseHole = false;

  constructor(nexus: Nexus) {
    this.nexus = nexus;
  }

  header(pdu: PduSplitter): void {
    const { nexus } = this;
    const { bhs: b, bhsAt: at, opcode } = pdu;
    this.opcode = opcode;
    this.task = undefined;
    this.status = -1;
    this.itt = u32(b, at + 16);
    if (opcode === Op.loginResponse) {
      this.loginHeader(b, at);
      pdu.want = true;
      return;
    }
    if (nexus.phase === 'start') {
      if (nexus.session.nextCmdSn < 0) nexus.disown();
      return;
    }
    if (nexus.phase === 'login') nexus.fullFeature();
    const consumes =
      opcode === Op.dataIn ? (b[at + 1] & 1) !== 0 : opcode !== Op.r2t && !(opcode === Op.nopIn && this.itt === NO_TAG);
    this.again = consumes && nexus.nextStatSn >= 0 && diff32(u32(b, at + 24), nexus.nextStatSn) < 0;
    if (consumes) this.statusNumber(u32(b, at + 24));
    const expCmdSn = u32(b, at + 28);
    if (nexus.expCmdSn < 0 || diff32(expCmdSn, nexus.expCmdSn) > 0) nexus.expCmdSn = expCmdSn;
    nexus.maxCmdSn = u32(b, at + 32);
    const known = nexus.open.get(this.itt);
    switch (opcode) {
      case Op.dataIn:
        this.dataInHeader(pdu, b, at, known);
        break;
      case Op.scsiResponse:
        this.task = known;
        // A response code other than "completed at target" carries no status (RFC 7143 section 11.4.3).
        this.status = b[at + 2] === 0 ? b[at + 3] : -2;
        this.underflow = (b[at + 1] & 2) !== 0 ? u32(b, at + 44) : 0;
        this.residual = (b[at + 1] & 6) !== 0;
        pdu.want = true;
        this.senseLength = 0;
        this.senseHole = false;
        break;
      case Op.r2t:
        if (known !== undefined) nexus.ledger.r2t(known, u32(b, at + 40));
        else if (!nexus.retired.has(this.itt)) {
          const ghost = nexus.ledger.ghost(this.itt);
          ghost.writes = true;
          ghost.lun = nexus.parts.tasks.lunAt(b, at + 8);
        }
        break;
      case Op.taskManagementResponse:
        nexus.parts.control.answered(nexus, this.itt, b[at + 2]);
        break;
      case Op.textResponse:
      case Op.logoutResponse:
        nexus.parts.tasks.otherAnswered(nexus, this.itt);
        break;
      case Op.nopIn:
        if (this.itt !== NO_TAG) nexus.parts.tasks.otherAnswered(nexus, this.itt);
        break;
    }
  }

  data(bytes: Uint8Array, offset: number, length: number, at: number): void {
    if (this.opcode === Op.loginResponse) this.nexus.negotiation.target.add(bytes, offset, length);
    else if (this.opcode === Op.dataIn) this.task?.land(bytes, offset, length, this.base + at);
    else {
      const n = Math.min(length, SENSE_MAX - at);
      if (n > 0) this.sense.set(bytes.subarray(offset, offset + n), at);
      this.senseLength = Math.max(this.senseLength, Math.min(at + length, SENSE_MAX));
    }
  }

  /** A data digest proved these bytes rather than those that came at `at` before. */
  instead(bytes: Uint8Array, at: number): void {
    if (this.opcode === Op.dataIn) this.task?.replace(bytes, this.base + at);
    else this.data(bytes, 0, bytes.length, at);
  }

  dataHole(length: number, at: number): void {
    if (this.opcode === Op.loginResponse) this.nexus.negotiation.target.holed = true;
    else if (this.opcode === Op.dataIn) this.task?.disbelieve(this.base + at, length);
    else this.senseHole = true;
  }

  end(pdu: PduSplitter, verdict: DigestVerdict): void {
    const { nexus } = this;
    if (this.opcode === Op.dataIn && verdict === 'bad') this.task?.disbelieve(this.base, pdu.dataLength);
    if (this.opcode === Op.loginResponse) {
      nexus.negotiation.target.end(this.goesOn);
      if (this.loginDone) nexus.loggedIn();
      return;
    }
    if (this.status === -1) return;
    const believed = !this.senseHole && verdict !== 'bad';
    const sense = believed ? this.sense.subarray(0, this.senseLength) : undefined;
    const { tasks } = nexus.parts;
    // The task may have ended between this PDU's header and its end, and its tag may be another's already.
    const open = this.task !== undefined && nexus.open.get(this.itt) === this.task;
    const stray = this.task === undefined && (!this.again || nexus.ledger.ghosts.has(this.itt));
    if (open) tasks.answered(nexus, this.task!, this.status, sense, this.underflow, this.residual);
    else if (stray || nexus.retired.has(this.itt)) tasks.strayStatus(nexus, this.itt, this.status, sense);
    this.status = -1;
    this.task = undefined;
  }

  private dataInHeader(pdu: PduSplitter, b: Uint8Array, at: number, known: Task | undefined): void {
    const { nexus } = this;
    const hasStatus = (b[at + 1] & 1) !== 0;
    if (known === undefined) {
      if (!nexus.retired.has(this.itt)) nexus.ledger.ghost(this.itt).reads = true;
    } else {
      known.dataIn += pdu.dataLength;
      this.task = known;
      this.base = u32(b, at + 40);
      pdu.want = pdu.dataLength > 0 && known.reads && !known.writes && known.small !== undefined;
      this.senseLength = 0;
      this.senseHole = false;
    }
    if (hasStatus) {
      this.status = b[at + 3];
      this.underflow = (b[at + 1] & 2) !== 0 ? u32(b, at + 44) : 0;
      this.residual = (b[at + 1] & 6) !== 0;
    }
  }

  private loginHeader(b: Uint8Array, at: number): void {
    const { nexus } = this;
    if (nexus.phase === 'start') nexus.phase = 'login';
    this.goesOn = (b[at + 1] & 0x40) !== 0;
    const statSn = u32(b, at + 24);
    nexus.nextStatSn = add32(statSn, 1);
    nexus.expCmdSn = u32(b, at + 28);
    nexus.maxCmdSn = u32(b, at + 32);
    const success = b[at + 36] === 0;
    // T with NSG 3: from here on the full feature phase (RFC 7143 section 11.13.3).
    this.loginDone = success && (b[at + 1] & 0x83) === 0x83;
    if (nexus.session.nextCmdSn < 0) nexus.session.nextCmdSn = nexus.expCmdSn;
    if (nexus.expStatSn < 0) nexus.expStatSn = statSn;
  }

  private statusNumber(statSn: number): void {
    const { nexus } = this;
    const skip = nexus.nextStatSn < 0 ? 0 : diff32(statSn, nexus.nextStatSn);
    if (skip < 0) return;
    if (skip > 0 && skip <= SKIP_MAX) {
      nexus.lostStatuses += skip;
      for (const task of nexus.open.values()) nexus.statusCandidates.add(task);
    }
    nexus.nextStatSn = add32(statSn, 1);
  }
}
