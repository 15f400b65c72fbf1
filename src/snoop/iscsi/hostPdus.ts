import { u16, u24, u32 } from '../../../parsers/bytes.ts';
import { NO_TAG, Op } from '../../../parsers/iscsi/opcodes.ts';
import type { DigestVerdict, PduSplitter } from '../../../parsers/iscsi/splitter.ts';
import { add32, diff32 } from '../../base/serial32.ts';
import type { Task } from '../task.ts';
import type { Nexus } from './nexus.ts';

/** Skips in CmdSN beyond this are no loss but nonsense (or another session's number). */
const SKIP_MAX = 65536;
const REQUESTS_MAX = 4096;

/** Requests, from the host to the target: RFC 7143 sections 11.3, 11.5, 11.7, 11.10, 11.12, 11.14. */
export class HostPdus {
  private readonly nexus: Nexus;
  /** What the PDU at hand belongs to. */
  private task: Task | undefined;
  private base = 0;
  private opcode = 0;
  private goesOn = false;

  constructor(nexus: Nexus) {
    this.nexus = nexus;
  }

  header(pdu: PduSplitter): void {
    const { nexus } = this;
    const { bhs: b, bhsAt: at, opcode } = pdu;
    this.opcode = opcode;
    this.task = undefined;
    if (nexus.phase === 'start') {
      if (opcode !== Op.login) {
        nexus.disown();
        return;
      }
      nexus.phase = 'login';
    }
    if (opcode === Op.login) {
      this.loginHeader(b, at);
      pdu.want = true;
      return;
    }
    if (nexus.phase === 'login') nexus.fullFeature();
    const itt = u32(b, at + 16);
    if (opcode !== Op.dataOut && opcode !== Op.snack) this.commandNumber(u32(b, at + 24), pdu.immediate);
    if (opcode !== Op.snack) this.acknowledged(u32(b, at + 28));
    switch (opcode) {
      case Op.scsiCommand:
        this.task = nexus.parts.tasks.opened(nexus, pdu, itt);
        this.base = 0;
        break;
      case Op.dataOut:
        this.dataOutHeader(pdu, b, at, itt);
        break;
      case Op.taskManagement:
        nexus.parts.control.sent(nexus, itt, b[at + 1] & 0x7f, u32(b, at + 20), b, at + 8);
        break;
      case Op.nopOut:
      case Op.text:
        if (itt !== NO_TAG && nexus.requests.size < REQUESTS_MAX) nexus.requests.add(itt);
        break;
      case Op.logout:
        nexus.loggedOut = true;
        nexus.requests.add(itt);
        break;
    }
    if (this.task !== undefined) {
      pdu.want = pdu.dataLength > 0 && (this.task.lease !== undefined || this.task.small !== undefined);
      this.task.dataOut += pdu.dataLength;
      if (!pdu.want && pdu.dataLength > 0) this.task.arrived(this.base, pdu.dataLength);
    }
  }

  data(bytes: Uint8Array, offset: number, length: number, at: number): void {
    if (this.opcode === Op.login) this.nexus.negotiation.host.add(bytes, offset, length);
    else this.task?.land(bytes, offset, length, this.base + at);
  }

  /** A data digest proved these bytes rather than those that came at `at` before. */
  instead(bytes: Uint8Array, at: number): void {
    if (this.opcode !== Op.login) this.task?.replace(bytes, this.base + at);
  }

  dataHole(length: number, at: number): void {
    if (this.opcode === Op.login) {
      this.nexus.negotiation.host.holed = true;
    } else if (this.task !== undefined) {
      this.task.arrived(this.base + at, length);
      this.task.disbelieve(this.base + at, length);
    }
  }

  end(pdu: PduSplitter, verdict: DigestVerdict): void {
    const { task, nexus } = this;
    if (this.opcode === Op.login) nexus.negotiation.host.end(this.goesOn);
    if (task === undefined) return;
    if (verdict === 'bad') {
      task.disbelieve(this.base, pdu.dataLength);
      task.digestFailed = true;
    }
    if (this.opcode === Op.scsiCommand) task.frame = nexus.frame;
    nexus.parts.tasks.dataMoved(nexus, task);
    this.task = undefined;
  }

  private loginHeader(b: Uint8Array, at: number): void {
    const { nexus } = this;
    const { session } = nexus;
    this.goesOn = (b[at + 1] & 0x40) !== 0;
    let isid = '';
    for (let i = 8; i < 14; i++) isid += b[at + i].toString(16).padStart(2, '0');
    session.isid = isid;
    session.tsih = u16(b, at + 14);
    if (session.nextCmdSn < 0) session.nextCmdSn = u32(b, at + 24);
    this.acknowledged(u32(b, at + 28));
  }

  /** Data-Out lands at its BufferOffset, in whatever order (RFC 7143 section 11.7). */
  private dataOutHeader(pdu: PduSplitter, b: Uint8Array, at: number, itt: number): void {
    const { nexus } = this;
    const task = nexus.open.get(itt);
    nexus.ledger.dataOut(pdu.dataLength, (b[at + 1] & 0x80) !== 0);
    const offset = u32(b, at + 40);
    if (task === undefined) {
      if (nexus.retired.has(itt)) return;
      const ghost = nexus.ledger.ghost(itt);
      ghost.writes = true;
      if (u32(b, at + 20) !== NO_TAG) ghost.lun = nexus.parts.tasks.lunAt(b, at + 8);
      return;
    }
    if (offset + u24(b, at + 5) > task.edtl) {
      // Beyond what the command announced: the peer's nonsense; none of its data is believed.
      task.disbelieve(0, task.edtl);
      return;
    }
    this.task = task;
    this.base = offset;
  }

  private commandNumber(cmdSn: number, immediate: boolean): void {
    const { nexus } = this;
    const { session } = nexus;
    const next = session.nextCmdSn;
    const skip = next < 0 ? 0 : diff32(cmdSn, next);
    if (skip < 0) {
      session.skipped.delete(cmdSn);
      return;
    }
    if (skip > 0 && skip <= SKIP_MAX) {
      if (session.nexuses.size > 1) {
        for (let i = 0; i < skip && session.skipped.size < SKIP_MAX; i++) session.skipped.add(add32(next, i));
      } else nexus.skipped(skip);
    }
    session.nextCmdSn = immediate ? cmdSn : add32(cmdSn, 1);
  }

  private acknowledged(expStatSn: number): void {
    const { nexus } = this;
    if (nexus.expStatSn < 0 || diff32(expStatSn, nexus.expStatSn) > 0) nexus.expStatSn = expStatSn;
  }
}
