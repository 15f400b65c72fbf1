import type { DeviceCommand, DeviceOutcome, DeviceSteps, DeviceTask, Nexus, TaskAttribute } from '../../base/device.ts';
import type { Connection } from './connection.ts';
import type { Session } from './session.ts';
import type { TargetRun } from './types.ts';

/** Data that was asked for with one R2T (RFC 7143 section 11.8). */
export interface Asked {
  readonly ttt: number;
  readonly offset: number;
  readonly length: number;
  got: number;
  dataSn: number;
}

/** What went wrong with a command's data, as it is told: ABORTED COMMAND with these (RFC 7143 section 11.4.7.2). */
export const DataFailure = { unexpected: 0x0c0c, amount: 0x0c0d, damaged: 0x4705 } as const;

const NO_PARTS: Uint8Array[] = [];
const NOTHING_ASKED: Asked[] = [];

/**
 * A SCSI command from its request to its end: its data is collected, it waits for room, its steps run, its answer is sent.
 * The object is what the device and whoever runs the steps know it by.
 */
export class Task implements DeviceCommand, TargetRun {
  readonly session: Session;
  readonly connection: Connection;
  readonly nexus: Nexus;
  readonly lun: Uint8Array;
  readonly cdb: Uint8Array;
  readonly tag: number;
  readonly attribute: TaskAttribute;
  readonly dataOut: number;
  readonly dataIn: number;
  readonly immediate: boolean;
  readonly lunHigh: number;
  readonly lunLow: number;
  task!: DeviceTask;
  steps!: DeviceSteps;
  context: unknown = undefined;

  state: 'collecting' | 'running' | 'over' = 'collecting';
  /** Its request has come whole, with its immediate data. */
  whole = false;
  /** It has room for its data; bytes of it. */
  admitted = false;
  reserved = 0;
  /** Bytes of data-out that are kept; what comes beyond is dropped. */
  need = 0;
  buffers: Uint8Array[] = NO_PARTS;
  /** Bytes that `buffers` hold, of which the first `early` were taken before there was room. */
  capacity = 0;
  early = 0;
  /** Unsolicited data may still come; where its next byte belongs, its end, and its next DataSN. */
  unsolicitedOpen = false;
  unsolicitedAt = 0;
  unsolicitedEnd = 0;
  unsolicitedSn = 0;
  /** Up to where data was asked for or came unasked, and what of it is still to come. */
  askedTo = 0;
  asked: Asked[] = NOTHING_ASKED;
  r2tSn = 0;
  /** When data came last, or was asked for. */
  heard = 0;
  failure = 0;
  /** No room for its unsolicited data: TASK SET FULL. */
  full = false;
  stopped = false;
  /** TASK ABORTED is due once it has stopped. */
  tell = false;
  ends: (() => void)[] | undefined;
  /** The cursor over what is sent (`OutgoingPayload`). */
  parts: readonly Uint8Array[] = NO_PARTS;
  outBytes = 0;
  atPart = 0;
  atSkip = 0;
  at = 0;

  constructor(
    connection: Connection,
    session: Session,
    nexus: Nexus,
    lun: Uint8Array,
    cdb: Uint8Array,
    lunHigh: number,
    lunLow: number,
    tag: number,
    attribute: TaskAttribute,
    dataOut: number,
    dataIn: number,
    immediate: boolean,
  ) {
    this.connection = connection;
    this.session = session;
    this.nexus = nexus;
    this.lun = lun;
    this.cdb = cdb;
    this.lunHigh = lunHigh;
    this.lunLow = lunLow;
    this.tag = tag;
    this.attribute = attribute;
    this.dataOut = dataOut;
    this.dataIn = dataIn;
    this.immediate = immediate;
  }

  done(outcome: DeviceOutcome | undefined): void {
    this.session.tasks.done(this, outcome);
  }

  /** Copies data that belongs at `offset`, as far as it is kept. */
  land(offset: number, bytes: Uint8Array, from: number, length: number): void {
    const kept = Math.min(this.need, this.capacity);
    let left = Math.min(length, kept - offset);
    if (left <= 0) return;
    let at = from;
    let within = offset;
    for (const buffer of this.buffers) {
      if (within >= buffer.length) {
        within -= buffer.length;
        continue;
      }
      const n = Math.min(left, buffer.length - within);
      buffer.set(bytes.subarray(at, at + n), within);
      left -= n;
      if (left === 0) return;
      at += n;
      within = 0;
    }
  }

  /** The data-out that came, in parts of exactly its length. */
  dataParts(): readonly Uint8Array[] {
    const { buffers, need } = this;
    if (need === 0) return NO_PARTS;
    if (buffers.length === 1 && buffers[0].length === need) return buffers;
    const parts: Uint8Array[] = [];
    let left = need;
    for (const buffer of buffers) {
      if (left === 0) break;
      const n = Math.min(left, buffer.length);
      parts.push(n === buffer.length ? buffer : buffer.subarray(0, n));
      left -= n;
    }
    return parts;
  }

  /** The sum of what is to come and go, for the room it takes. */
  get bytes(): number {
    return this.need + this.dataIn;
  }
}
