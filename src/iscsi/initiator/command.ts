import type { SenseData } from '../../../parsers/scsi/sense.ts';
import type { Fault } from '../../base/fault.ts';

/**
 * How a command ended: with a status, or without one because the session was lost, because the LU was reset on account
 * of another command, or because it failed: it took too long and was aborted, or the target could not carry it out.
 */
export type CommandEnding = 'status' | 'lost' | 'reset' | 'failed';

const NO_PARTS: readonly Uint8Array[] = [];
const LUN_0 = new Uint8Array(8);

/**
 * One SCSI command for a session. The object is the caller's from the call of `ended` on, and may be used again: a command
 * in the hot path then costs no memory. Its payload and its buffer are the session's in between.
 */
export class Command {
  readonly cdb = new Uint8Array(16);
  lun: Uint8Array = LUN_0;
  /** Data-out: `outBytes` bytes of `parts`, from byte `skip` of part `part` on. */
  parts: readonly Uint8Array[] = NO_PARTS;
  part = 0;
  skip = 0;
  outBytes = 0;
  /** Data-in: lands here. May be taken away (undefined) while the command is under way: the rest is then dropped. */
  into: Uint8Array | undefined;
  inBytes = 0;
  /** Nanoseconds before it is aborted. */
  limitNs = 0;
  /** Called once, in whatever call the end became known. */
  ended: (command: Command) => void = () => undefined;

  ending: CommandEnding = 'status';
  /** Why it has no status. */
  fault: Fault | undefined;
  status = -1;
  sense: SenseData | undefined;
  /** Bytes that came, and those that the target says are missing or are too many. */
  received = 0;
  underflow = 0;
  overflow = 0;

  /** The session's own, from `submit` to `ended`. */
  itt = 0;
  slot = 0;
  cmdSn = 0;
  /** Payload bytes sent, without being asked and by R2Ts. */
  sent = 0;
  /** Where the next byte to send stands: in `parts`, and in the payload. */
  atPart = 0;
  atSkip = 0;
  at = 0;
  r2tSn = 0;
  dataSn = 0;
  /** Where in the session's output its last byte stands. */
  outEnd = 0;
  deadline = 0;
  aborting = false;

  /** Takes away what an earlier use left behind; the CDB is the caller's to fill. */
  clear(): void {
    this.parts = NO_PARTS;
    this.part = 0;
    this.skip = 0;
    this.outBytes = 0;
    this.into = undefined;
    this.inBytes = 0;
    this.restart();
  }

  /** As `clear`, but the same command is sent once more. */
  restart(): void {
    this.ending = 'status';
    this.fault = undefined;
    this.status = -1;
    this.sense = undefined;
    this.received = 0;
    this.underflow = 0;
    this.overflow = 0;
    this.sent = 0;
    this.at = -1;
    this.r2tSn = 0;
    this.dataSn = 0;
    this.aborting = false;
  }

  /** Moves the cursor to byte `offset` of the payload. */
  seek(offset: number): void {
    if (offset === this.at) return;
    if (this.at < 0 || offset < this.at) {
      this.atPart = this.part;
      this.atSkip = this.skip;
      this.at = 0;
    }
    while (this.at < offset) {
      const left = this.parts[this.atPart].length - this.atSkip;
      const n = Math.min(left, offset - this.at);
      this.at += n;
      this.atSkip += n;
      if (n < left) return;
      this.atPart++;
      this.atSkip = 0;
    }
  }
}
