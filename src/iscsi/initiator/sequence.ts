import { add32, diff32 } from '../../base/serial32.ts';

/** The numbers of a session with one connection (RFC 7143 section 4.2.2). */
export class Sequence {
  /** Of the next command that is not immediate. */
  cmdSn: number;
  /** Of the next status. */
  expStatSn = 0;
  #expCmdSn: number;
  #maxCmdSn: number;

  constructor(cmdSn: number) {
    this.cmdSn = cmdSn;
    this.#expCmdSn = cmdSn;
    // Nothing may be sent before the target has said so.
    this.#maxCmdSn = add32(cmdSn, -1);
  }

  /** The target takes another command now. */
  get open(): boolean {
    return diff32(this.#maxCmdSn, this.cmdSn) >= 0;
  }

  /** ExpCmdSN and MaxCmdSN of any PDU, by the rules of section 4.2.2.1: they only ever move forwards. */
  window(expCmdSn: number, maxCmdSn: number): void {
    if (diff32(maxCmdSn, add32(expCmdSn, -1)) < 0) return;
    if (diff32(maxCmdSn, this.#maxCmdSn) > 0) this.#maxCmdSn = maxCmdSn;
    if (diff32(expCmdSn, this.#expCmdSn) > 0) this.#expCmdSn = expCmdSn;
  }

  /** A PDU that carries a status: false where it is not the one that was due (section 4.2.2.2). */
  status(statSn: number): boolean {
    if (statSn !== this.expStatSn) return false;
    this.expStatSn = add32(statSn, 1);
    return true;
  }
}
