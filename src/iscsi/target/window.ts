import { add32, diff32 } from '../../base/serial32.ts';

/** What becomes of a request by its CmdSN. */
export type Turn = 'now' | 'early' | 'ignored';

/** The CmdSN window of a session (RFC 7143 section 4.2.2.1). */
export class CommandWindow {
  expCmdSn: number;
  maxCmdSn: number;
  readonly #width: number;

  constructor(cmdSn: number, width: number) {
    this.expCmdSn = cmdSn;
    this.#width = width;
    this.maxCmdSn = add32(cmdSn, width - 1);
  }

  /** Requests that are not immediate; one outside of the window, or seen before, is ignored silently. */
  turn(cmdSn: number): Turn {
    if (cmdSn === this.expCmdSn) return diff32(this.maxCmdSn, cmdSn) < 0 ? 'ignored' : 'now';
    return diff32(cmdSn, this.expCmdSn) > 0 && diff32(this.maxCmdSn, cmdSn) >= 0 ? 'early' : 'ignored';
  }

  /** The request that was due has come. */
  advance(): void {
    this.expCmdSn = add32(this.expCmdSn, 1);
  }

  /** So many commands are under way: the window ends where there is room for no more. It never moves back. */
  open(commands: number): void {
    const end = add32(this.expCmdSn, this.#width - commands - 1);
    if (diff32(end, this.maxCmdSn) > 0) this.maxCmdSn = end;
  }
}
