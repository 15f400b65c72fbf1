import { u16 } from '../../../parsers/bytes.ts';
import {
  FINAL,
  OVERFLOW,
  putDataOut,
  putLun,
  putScsiCommand,
  putSequence,
  READ,
  UNDERFLOW,
  WRITE,
} from '../../../parsers/iscsi/headers.ts';
import { NO_TAG } from '../../../parsers/iscsi/opcodes.ts';
import { parseSense } from '../../../parsers/scsi/sense.ts';
import type { Fault } from '../../base/fault.ts';
import { isParseFault } from '../../base/fault.ts';
import { add32 } from '../../base/serial32.ts';
import type { Command, CommandEnding } from './command.ts';
import type { Incoming } from './incoming.ts';
import type { Wire } from './wire.ts';

/** An ITT is a slot in its low byte and a number that tells its users apart above it; below 2^31, others are above. */
const SLOT_BITS = 8;
const SLOTS = 1 << SLOT_BITS;
const USES = 0x7fffff;

/** Sense data is 252 bytes at most (SPC-5 section 4.4.1), behind two of length. */
const SENSE_SEGMENT_MAX = 2 + 252;

/**
 * The commands of a session: those that wait for the window, those under way, and those that ended while their payload
 * was not all sent. Throws a `Fault` for what the target must not do.
 */
export class Tasks {
  readonly #wire: Wire;
  readonly #open: (Command | undefined)[] = new Array(SLOTS).fill(undefined);
  readonly #free: number[] = [];
  #uses = 0;
  #openCount = 0;
  #waiting: Command[] = [];
  #next = 0;
  #parked: Command[] = [];
  #sending = false;
  /** Commands under way at once; the owner's bound besides the target's window. */
  limit: number;
  /** Nothing is sent while true: before the login is over, and once a logout is due. */
  held = true;

  constructor(wire: Wire, limit: number) {
    this.#wire = wire;
    this.limit = Math.min(limit, SLOTS);
    for (let slot = SLOTS - 1; slot >= 0; slot--) this.#free.push(slot);
  }

  /** Commands that the target has. */
  get open(): number {
    return this.#openCount;
  }

  get idle(): boolean {
    return this.#openCount === 0 && this.#next === this.#waiting.length && this.#parked.length === 0;
  }

  submit(command: Command, now: number): void {
    command.restart();
    command.deadline = now + command.limitNs;
    this.#waiting.push(command);
    this.send(now);
  }

  /** Sends what the window and the limit allow. */
  send(now: number): void {
    if (this.#sending) return;
    this.#sending = true;
    while (
      this.#next < this.#waiting.length &&
      !this.held &&
      this.#openCount < this.limit &&
      this.#wire.sequence.open
    ) {
      this.#start(this.#waiting[this.#next++], now);
      if (this.#next > 64 && this.#next * 2 > this.#waiting.length) {
        this.#waiting = this.#waiting.slice(this.#next);
        this.#next = 0;
      }
    }
    this.#sending = false;
  }

  /** The command of this ITT; a `Fault` where there is none. */
  find(itt: number, what: string): Command {
    const command = this.openTask(itt);
    if (command === undefined) {
      throw this.#wire.wrong(`sends ${what} for a task that there is not (ITT ${itt.toString(16)}h)`);
    }
    return command;
  }

  /** The command of this ITT while the target has it. */
  openTask(itt: number): Command | undefined {
    const command = this.#open[itt & (SLOTS - 1)];
    return command?.itt === itt ? command : undefined;
  }

  /** A Data-In header: returns where its data lands. Data comes in order, as it was negotiated (DataPDUInOrder). */
  dataIn(pdu: Incoming): Command {
    const command = this.find(pdu.itt, 'data');
    const { word36: dataSn, word40: offset, dataSegmentLength: length } = pdu;
    if (offset + length > command.inBytes) {
      throw this.#wire.wrong(`sends data up to byte ${offset + length} where ${command.inBytes} were asked for`);
    }
    if (offset !== command.received || dataSn !== command.dataSn) {
      const got = `byte ${offset} (DataSN ${dataSn})`;
      throw this.#wire.wrong(`sends data from ${got} where byte ${command.received} (${command.dataSn}) was due`);
    }
    command.dataSn = add32(dataSn, 1);
    command.received += length;
    return command;
  }

  /** R2T, RFC 7143 section 11.8: sends what it asks for at once. */
  r2t(pdu: Incoming): void {
    const command = this.find(pdu.itt, 'an R2T');
    const { word36: r2tSn, word40: offset, word44: length, ttt } = pdu;
    const { maxBurstLength } = this.#wire.parameters;
    const asks = `asks for ${length} bytes from ${offset} on`;
    if (length === 0 || offset + length > command.outBytes) {
      throw this.#wire.wrong(`${asks} of a task with ${command.outBytes}`);
    }
    if (length > maxBurstLength) throw this.#wire.wrong(`${asks}, more than MaxBurstLength ${maxBurstLength} allows`);
    // At error recovery level 0 nothing is asked for twice: a target that does could have us send for ever.
    if (command.sent + length > command.outBytes) throw this.#wire.wrong(`${asks}, which were sent already`);
    if (r2tSn !== command.r2tSn) throw this.#wire.wrong(`sends R2TSN ${r2tSn} where ${command.r2tSn} was due`);
    if (ttt === NO_TAG) throw this.#wire.wrong('sends an R2T without a target transfer tag');
    command.r2tSn = add32(r2tSn, 1);
    if (command.aborting) return;
    this.#burst(command, offset, length, ttt);
  }

  /** SCSI Response, section 11.4, with its data segment (borrowed). */
  response(pdu: Incoming, data: Uint8Array, length: number): Command {
    const command = this.find(pdu.itt, 'a response');
    if (pdu.response !== 0) {
      this.#end(command, 'failed', this.#wire.wrong(`failed to carry out a command (response ${pdu.response})`));
      return command;
    }
    if (length >= 3) {
      const sense = parseSense(data, 2, Math.min(length, SENSE_SEGMENT_MAX, 2 + u16(data, 0)) - 2);
      if (!isParseFault(sense)) command.sense = sense;
    }
    this.status(command, pdu);
    return command;
  }

  /** The status of a command, in a response or in the last Data-In. */
  status(command: Command, pdu: Incoming): void {
    command.status = pdu.status;
    if ((pdu.flags & UNDERFLOW) !== 0) command.underflow = pdu.word44;
    if ((pdu.flags & OVERFLOW) !== 0) command.overflow = pdu.word44;
    this.#end(command, 'status', undefined);
  }

  /** Ends one command that the target no longer has, without a status. */
  end(command: Command, ending: CommandEnding, fault: Fault): void {
    this.#end(command, ending, fault);
  }

  /** Ends all of them: the session is over and nothing of it will be sent any more. */
  endAll(fault: Fault): void {
    this.held = true;
    const waiting = this.#waiting.slice(this.#next);
    const parked = this.#parked;
    this.#waiting = [];
    this.#next = 0;
    this.#parked = [];
    for (const command of parked) command.ended(command);
    this.forEach((command) => {
      this.#forget(command);
      this.#tell(command, 'lost', fault);
    });
    for (const command of waiting) this.#tell(command, 'lost', fault);
  }

  /** Commands that the target has, as of now. */
  forEach(callback: (command: Command) => void): void {
    for (const command of this.#open.filter((one) => one !== undefined)) callback(command);
  }

  /** Ended commands whose payload has been sent by now are handed back. */
  release(): void {
    if (this.#parked.length === 0) return;
    const free = this.#parked.filter(({ outEnd }) => this.#wire.sent(outEnd));
    if (free.length === 0) return;
    this.#parked = this.#parked.filter((command) => !free.includes(command));
    for (const command of free) command.ended(command);
  }

  /** Ended at the target, and yet it does not read what it was sent; true when one is past its time. */
  stuck(now: number): boolean {
    return this.#parked.some(({ deadline }) => deadline < now);
  }

  /** Commands that never got a place in the window within their time end here. */
  expire(now: number, fault: (command: Command) => Fault): void {
    const late = this.#waiting.slice(this.#next).filter(({ deadline }) => deadline < now);
    if (late.length === 0) return;
    this.#waiting = this.#waiting.slice(this.#next).filter((command) => !late.includes(command));
    this.#next = 0;
    for (const command of late) this.#tell(command, 'failed', fault(command));
  }

  #start(command: Command, now: number): void {
    const { sequence, parameters, out } = this.#wire;
    const slot = this.#free.pop() as number;
    this.#uses = (this.#uses + 1) & USES;
    command.slot = slot;
    command.itt = this.#uses * SLOTS + slot;
    command.cmdSn = sequence.cmdSn;
    command.deadline = now + command.limitNs;
    this.#open[slot] = command;
    this.#openCount++;
    const { immediateData, initialR2T, sendSegmentMax, firstBurstLength } = parameters;
    const bytes = command.outBytes;
    const first = Math.min(bytes, firstBurstLength);
    const immediate = immediateData ? Math.min(first, sendSegmentMax) : 0;
    const unsolicited = initialR2T ? immediate : first;
    const direction = bytes > 0 ? WRITE : command.inBytes > 0 ? READ : 0;
    const at = out.begin();
    const flags = direction | (unsolicited > immediate ? 0 : FINAL);
    putScsiCommand(out.slab, at, flags, immediate, command.itt, bytes > 0 ? bytes : command.inBytes, command.cdb);
    putLun(out.slab, at, command.lun);
    putSequence(out.slab, at, sequence.cmdSn, sequence.expStatSn);
    sequence.cmdSn = add32(sequence.cmdSn, 1);
    out.header();
    if (immediate > 0) {
      command.seek(0);
      out.payload(command, immediate);
      command.sent = immediate;
    }
    if (unsolicited > immediate) this.#burst(command, immediate, unsolicited - immediate, NO_TAG);
    command.outEnd = out.position;
  }

  /** One sequence of Data-Out PDUs, section 11.7. */
  #burst(command: Command, offset: number, length: number, ttt: number): void {
    const { out, parameters, sequence } = this.#wire;
    // Whole words, so that only a payload's own end is ever padded.
    const most = parameters.sendSegmentMax & ~3;
    command.seek(offset);
    for (let done = 0, dataSn = 0; done < length; dataSn++) {
      const n = Math.min(most, length - done);
      const at = out.begin();
      const final = done + n === length;
      putDataOut(out.slab, at, final, n, command.itt, ttt, sequence.expStatSn, dataSn, offset + done);
      if (ttt !== NO_TAG) putLun(out.slab, at, command.lun);
      out.header();
      out.payload(command, n);
      done += n;
    }
    command.sent += length;
    command.outEnd = out.position;
  }

  #forget(command: Command): void {
    this.#open[command.slot] = undefined;
    this.#free.push(command.slot);
    this.#openCount--;
  }

  #end(command: Command, ending: CommandEnding, fault: Fault | undefined): void {
    this.#forget(command);
    this.#tell(command, ending, fault);
  }

  /** Bytes that are still to be sent belong to the command until they are gone. */
  #tell(command: Command, ending: CommandEnding, fault: Fault | undefined): void {
    command.ending = ending;
    command.fault = fault;
    if (ending !== 'lost' && command.outBytes > 0 && command.sent > 0 && !this.#wire.sent(command.outEnd)) {
      this.#parked.push(command);
    } else {
      command.ended(command);
    }
  }
}
