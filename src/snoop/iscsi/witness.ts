import { u16, u24, u32 } from '../../../parsers/bytes.ts';
import { NO_TAG, Op } from '../../../parsers/iscsi/opcodes.ts';
import { diff32 } from '../../base/serial32.ts';

/** How sure it is that a header stands somewhere. */
export const NO = 0;
/** Nothing speaks against it, but chance could have made it. */
export const POSSIBLE = 1;
/** Tags and sequence numbers of this connection fit: chance could not have made it. */
export const PROVEN = 2;
export type Certainty = typeof NO | typeof POSSIBLE | typeof PROVEN;

/** What the connection knows that a true header has to agree with; -1 where nothing is known. */
export interface Evidence {
  /** Next CmdSN the host will use, and the target's last ExpCmdSN. */
  readonly nextCmdSn: number;
  readonly expCmdSn: number;
  /** The host's last ExpStatSN, and the StatSN the target will use next. */
  readonly expStatSn: number;
  readonly nextStatSn: number;
  /** What the open task `itt` expects to transfer: -1 when there is none. */
  transferOf(itt: number, toTarget: boolean): number;
}

/** Sequence numbers are believed this far ahead of what was seen last: far more than any command window. */
const WINDOW = 4096;
/** Statuses that the host may know of although they were not seen, and by how many a PDU in its queue may be behind. */
const STATUSES_UNSEEN = 64;
const STATUSES_LATE = 256;
/** A first data segment longer than this is not searched for. */
const AHS_MAX_WORDS = 64;

/** Judges the 48 bytes at `at` as a header towards the target or from it (RFC 7143 sections 11.3 to 11.20). */
export function judge(b: Uint8Array, at: number, toTarget: boolean, evidence: Evidence): Certainty {
  return toTarget ? judgeRequest(b, at, evidence) : judgeResponse(b, at, evidence);
}

function judgeRequest(b: Uint8Array, at: number, e: Evidence): Certainty {
  const first = b[at];
  const opcode = first & 0x3f;
  const immediate = (first & 0x40) !== 0;
  if (first & 0x80 || opcode > Op.snack || b[at + 4] > AHS_MAX_WORDS) return NO;
  const flags = b[at + 1];
  const dataLength = u24(b, at + 5);
  const itt = u32(b, at + 16);
  switch (opcode) {
    case Op.scsiCommand: {
      if (flags & 0x18 || (flags & 7) > 4 || u16(b, at + 2) !== 0) return NO;
      const edtl = u32(b, at + 20);
      if (itt === NO_TAG || dataLength > edtl || (dataLength > 0 && !(flags & 0x20))) return NO;
      if (edtl === 0 && dataLength > 0) return NO;
      if (e.transferOf(itt, true) >= 0 || e.transferOf(itt, false) >= 0) return NO;
      break;
    }
    case Op.dataOut: {
      if (immediate || flags & 0x7f || u16(b, at + 2) !== 0 || b[at + 4] !== 0 || u32(b, at + 24) !== 0) return NO;
      if (u32(b, at + 32) !== 0 || u32(b, at + 44) !== 0 || dataLength === 0) return NO;
      const expected = e.transferOf(itt, true);
      const fits = u32(b, at + 40) + dataLength <= expected;
      if (e.expStatSn < 0) return POSSIBLE;
      return fits && statusNear(u32(b, at + 28), e) ? PROVEN : NO;
    }
    case Op.nopOut:
      if (flags !== 0x80 || u16(b, at + 2) !== 0 || b[at + 4] !== 0 || !zeros(b, at + 32, 16)) return NO;
      if (itt === NO_TAG && (!immediate || u32(b, at + 20) === NO_TAG)) return NO;
      break;
    case Op.taskManagement:
      if ((flags & 0x80) === 0 || (flags & 0x7f) === 0 || (flags & 0x7f) > 14 || u16(b, at + 2) !== 0) return NO;
      if (b[at + 4] !== 0 || dataLength !== 0 || !zeros(b, at + 40, 8)) return NO;
      break;
    case Op.login:
      if (!immediate || b[at + 4] !== 0 || b[at + 3] > b[at + 2] || !zeros(b, at + 32, 16) || e.nextCmdSn >= 0)
        return NO;
      return POSSIBLE;
    case Op.text:
      if (flags & 0x3f || u16(b, at + 2) !== 0 || b[at + 4] !== 0 || !zeros(b, at + 32, 16)) return NO;
      break;
    case Op.logout:
      if ((flags & 0x80) === 0 || (flags & 0x7f) > 2 || u16(b, at + 2) !== 0 || b[at + 4] !== 0) return NO;
      if (dataLength !== 0 || !zeros(b, at + 8, 8) || !zeros(b, at + 32, 16)) return NO;
      break;
    default:
      return NO;
  }
  if (e.nextCmdSn < 0 || e.expStatSn < 0) return POSSIBLE;
  return near(u32(b, at + 24), e.nextCmdSn, WINDOW) && statusNear(u32(b, at + 28), e) ? PROVEN : NO;
}

function judgeResponse(b: Uint8Array, at: number, e: Evidence): Certainty {
  const opcode = b[at];
  if (opcode > 0x3f || opcode < Op.nopIn || b[at + 4] !== 0) return NO;
  const flags = b[at + 1];
  const dataLength = u24(b, at + 5);
  const itt = u32(b, at + 16);
  let consumes = true;
  switch (opcode) {
    case Op.scsiResponse:
      if ((flags & 0xe1) !== 0x80 || b[at + 2] > 1 || !zeros(b, at + 8, 8) || itt === NO_TAG) return NO;
      if (![0, 2, 4, 8, 0x18, 0x28, 0x30, 0x40].includes(b[at + 3])) return NO;
      break;
    case Op.dataIn: {
      if (flags & 0x38 || b[at + 2] !== 0 || itt === NO_TAG) return NO;
      const status = (flags & 1) !== 0;
      if (status && !(flags & 0x80)) return NO;
      const expected = e.transferOf(itt, false);
      if (expected >= 0 && u32(b, at + 40) + dataLength > expected) return NO;
      consumes = status;
      break;
    }
    case Op.r2t:
      if (flags !== 0x80 || u16(b, at + 2) !== 0 || dataLength !== 0 || itt === NO_TAG || u32(b, at + 44) === 0)
        return NO;
      consumes = false;
      break;
    case Op.nopIn:
      if (flags !== 0x80 || u16(b, at + 2) !== 0 || !zeros(b, at + 36, 12)) return NO;
      consumes = itt !== NO_TAG;
      break;
    case Op.taskManagementResponse:
      if (flags !== 0x80 || dataLength !== 0 || !zeros(b, at + 8, 8) || !zeros(b, at + 36, 12)) return NO;
      break;
    case Op.loginResponse:
      if (!zeros(b, at + 38, 10) || e.nextStatSn >= 0) return NO;
      return POSSIBLE;
    case Op.textResponse:
      if (flags & 0x3f || u16(b, at + 2) !== 0 || !zeros(b, at + 36, 12)) return NO;
      break;
    case Op.logoutResponse:
      if (flags !== 0x80 || b[at + 2] > 3 || dataLength !== 0 || !zeros(b, at + 8, 8)) return NO;
      break;
    case Op.asyncMessage:
      if (flags !== 0x80 || itt !== NO_TAG || u16(b, at + 2) !== 0) return NO;
      break;
    case Op.reject:
      if (flags !== 0x80 || itt !== NO_TAG || dataLength < 48) return NO;
      break;
    default:
      return NO;
  }
  const expCmdSn = u32(b, at + 28);
  const maxCmdSn = u32(b, at + 32);
  // MaxCmdSN may be one less than ExpCmdSN: a closed window (RFC 7143 section 4.2.2.1).
  const window = diff32(maxCmdSn, expCmdSn);
  if (window < -1 || window > 65536) return NO;
  if (e.expCmdSn < 0 || e.nextStatSn < 0) {
    // The host's own numbers may already be known: then they are what a true answer has to agree with.
    if (e.nextCmdSn < 0 || e.expStatSn < 0) return POSSIBLE;
    const fits = Math.abs(diff32(expCmdSn, e.nextCmdSn)) <= WINDOW;
    return fits && (!consumes || Math.abs(diff32(u32(b, at + 24), e.expStatSn)) <= WINDOW) ? PROVEN : NO;
  }
  if (!near(expCmdSn, e.expCmdSn, WINDOW)) return NO;
  if (consumes && !near(u32(b, at + 24), e.nextStatSn, WINDOW)) return NO;
  // Without a StatSN of its own a PDU has to name a task that is open.
  if (!consumes && opcode !== Op.nopIn && e.transferOf(itt, opcode === Op.r2t) < 0) return NO;
  return PROVEN;
}

/**
 * An ExpStatSN that the host may send now. It can be older than the last one seen: hosts make their Data-Out PDUs when
 * the R2T comes, and send commands that they make later before them.
 */
function statusNear(value: number, e: Evidence): boolean {
  const ahead =
    e.nextStatSn < 0 ? WINDOW : Math.min(WINDOW, Math.max(0, diff32(e.nextStatSn, e.expStatSn)) + STATUSES_UNSEEN);
  const d = diff32(value, e.expStatSn);
  return d >= -STATUSES_LATE && d <= ahead;
}

function near(value: number, base: number, ahead: number): boolean {
  const d = diff32(value, base);
  return d >= 0 && d <= ahead;
}

function zeros(b: Uint8Array, at: number, length: number): boolean {
  for (let i = at; i < at + length; i++) if (b[i] !== 0) return false;
  return true;
}
