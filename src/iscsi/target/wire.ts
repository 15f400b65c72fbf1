import { BHS_BYTES } from '../../../parsers/iscsi/opcodes.ts';
import {
  putAsync,
  putLoginResponse,
  putLogoutResponse,
  putManagementResponse,
  putNopIn,
  putNumbers,
  putR2t,
  putReject,
  putTextResponse,
} from '../../../parsers/iscsi/responses.ts';
import { add32 } from '../../base/serial32.ts';
import { Outgoing } from '../initiator/outgoing.ts';
import type { Task } from './task.ts';

/** The window as PDUs show it. */
export interface Numbers {
  expCmdSn: number;
  maxCmdSn: number;
}

/** What a target's connection sends, one method for each kind of PDU but those that carry data-in. */
export class TargetWire {
  readonly out = new Outgoing();
  /** Of the next status. */
  statSn = 0;
  numbers: Numbers = { expCmdSn: 0, maxCmdSn: 0 };
  readonly #ready: () => void;

  /** `ready` is told of everything that was put in. */
  constructor(ready: () => void) {
    this.#ready = ready;
  }

  /** Ends the header that stands at `at`: it has a status, or only tells the next one's number. */
  finish(at: number, status: boolean): void {
    const { out, numbers } = this;
    putNumbers(out.slab, at, this.statSn, numbers.expCmdSn, numbers.maxCmdSn);
    if (status) this.statSn = add32(this.statSn, 1);
    out.header();
    this.#ready();
  }

  /** The same for a Data-In without a status: StatSN is reserved there (RFC 7143 section 11.7.4). */
  finishData(at: number): void {
    const { out, numbers } = this;
    putNumbers(out.slab, at, 0, numbers.expCmdSn, numbers.maxCmdSn);
    out.header();
    this.#ready();
  }

  login(flags: number, isid: Uint8Array, tsih: number, itt: number, status: number, text: Uint8Array): void {
    const at = this.out.begin();
    putLoginResponse(this.out.slab, at, flags, text.length, isid, tsih, itt, status);
    this.finish(at, true);
    this.out.text(text);
  }

  text(flags: number, itt: number, ttt: number, text: Uint8Array): void {
    const at = this.out.begin();
    putTextResponse(this.out.slab, at, flags, text.length, itt, ttt);
    this.finish(at, true);
    this.out.text(text);
  }

  /** The answer to a ping. */
  pong(itt: number, data: Uint8Array): void {
    const at = this.out.begin();
    putNopIn(this.out.slab, at, data.length, itt, 0xffffffff);
    this.finish(at, true);
    this.out.text(data);
  }

  ping(ttt: number): void {
    const at = this.out.begin();
    putNopIn(this.out.slab, at, 0, 0xffffffff, ttt);
    this.finish(at, false);
  }

  management(itt: number, response: number): void {
    const at = this.out.begin();
    putManagementResponse(this.out.slab, at, itt, response);
    this.finish(at, true);
  }

  logout(itt: number, response: number): void {
    const at = this.out.begin();
    putLogoutResponse(this.out.slab, at, itt, response);
    this.finish(at, true);
  }

  async(event: number, cid: number, seconds: number): void {
    const at = this.out.begin();
    putAsync(this.out.slab, at, event, cid, seconds);
    this.finish(at, true);
  }

  /** `header`: what is rejected. */
  reject(reason: number, header: Uint8Array): void {
    const at = this.out.begin();
    putReject(this.out.slab, at, reason, BHS_BYTES);
    this.finish(at, true);
    this.out.text(header);
  }

  r2t(task: Task, ttt: number, offset: number, length: number): void {
    const at = this.out.begin();
    putR2t(this.out.slab, at, task.lunHigh, task.lunLow, task.tag, ttt, task.r2tSn, offset, length);
    this.finish(at, false);
  }
}
