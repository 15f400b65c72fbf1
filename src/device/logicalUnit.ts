import { CHECK_CONDITION, NOT_READY } from '../../parsers/scsi/sense.ts';
import type { SenseFields } from '../../parsers/scsi/senseBuild.ts';
import { descriptorSense, fixedSense } from '../../parsers/scsi/senseBuild.ts';
import type { DeviceOutcome, DeviceTask, Nexus, StoppedTask } from '../base/device.ts';
import { Fault } from '../base/fault.ts';
import { Modes } from './modes.ts';
import type { LunIdentity, LunOptions } from './options.ts';
import { check, conflict, MEDIUM_NOT_PRESENT, notReady, Refusal } from './refusal.ts';
import { Registry } from './registry.ts';
import { NEXUS_LOSS, POWER_ON, Seat } from './seat.ts';
import type { Tokens } from './tokens.ts';
import type { WholeUnitJob } from './wholeUnit.ts';

const MEDIUM_ERROR = 0x3;
const HARDWARE_ERROR = 0x4;
const BECOMING_READY = 0x0401;
const SANITIZE_FAILED = 0x3103;
const READ_FAILED = 0x1100;
const WRITE_FAILED = 0x0c00;
const SPACE_EXHAUSTED = 0x2707;
const NEXUSES_REMEMBERED = 1024;

/** What reservations make of a command (SPC-5 section 5.14.1, SBC-4 section 4.18). */
export type Access = 'free' | 'reads' | 'writes';

/** The target device that a logical unit is part of. */
export interface Place {
  /** The iSCSI name of the target. */
  readonly name: string;
  readonly transferBytesMax: number;
  readonly tokens: Tokens;
  luns(): readonly number[];
  units(): readonly LogicalUnit[];
  /** Runs steps that are of no command, where somebody does. */
  readonly background: ((task: DeviceTask) => void) | undefined;
}

/** A logical unit: what it is, who is at it, and in what state it is. */
export class LogicalUnit {
  readonly key: number;
  readonly lun: number;
  readonly blockSize: number;
  readonly identity: LunIdentity;
  readonly place: Place;
  /** The longest READ, WRITE and their like. */
  readonly transferBlocksMax: number;
  readonly physicalExponent: number;
  readonly unmapGranularity: number;
  readonly isReadOnly: boolean;
  readonly isThin: boolean;
  readonly isRemovable: boolean;
  /** `keep` requests are answered: reservations and mode pages may outlive a power loss. */
  readonly keeps: boolean;
  readonly modes: Modes;
  readonly registry: Registry;
  readonly seats: Map<number, Seat> = new Map();
  blocks: number;
  /** Of RESERVE(6) and RESERVE(10), SPC-2 section 5.5. */
  holder: Seat | undefined = undefined;
  isEjected = false;
  /** There may be tokens of its blocks, which end when these change. */
  hasTokens = false;
  /** A PERSISTENT RESERVE OUT is going on. */
  isReserving = false;
  /** An operation on all of it is going on. */
  job: WholeUnitJob | undefined = undefined;
  /** A sanitize operation failed: nothing but another one goes on (SBC-4 section 4.11.4). */
  sanitizeFailed = false;
  /** Initiator ports that were here since the unit came to be: they know that it was powered on. */
  #met: Set<string> = new Set();

  constructor(options: LunOptions, place: Place) {
    this.key = options.key;
    this.place = place;
    this.transferBlocksMax = Math.floor(place.transferBytesMax / options.blockSize);
    this.lun = options.lun;
    this.blockSize = options.blockSize;
    this.blocks = options.blocks;
    this.identity = options.identity;
    this.physicalExponent = options.physicalExponent ?? 0;
    this.unmapGranularity = options.unmapGranularity ?? 1;
    this.isReadOnly = options.readOnly === true;
    this.isThin = options.thin === true;
    this.isRemovable = options.removable === true;
    this.keeps = options.keeps !== false;
    this.modes = new Modes(options.cache === true, options.saved?.modes);
    this.registry = new Registry(options.saved?.reservations);
  }

  get isWriteProtected(): boolean {
    return this.isReadOnly || this.modes.isProtected;
  }

  open(nexus: Nexus): Seat {
    const seat = new Seat(nexus);
    const port = `${nexus.initiatorPort} ${nexus.targetPort}`;
    seat.attend(this.#met.has(port) ? NEXUS_LOSS : POWER_ON);
    if (this.#met.size < NEXUSES_REMEMBERED) this.#met.add(port);
    this.seats.set(nexus.id, seat);
    return seat;
  }

  /** I_T nexus loss (SAM-6 section 6.3.4): what it reserved by RESERVE and prevented is over, registrations stay. */
  close(nexus: Nexus): void {
    const seat = this.seats.get(nexus.id);
    if (seat === undefined) return;
    if (this.holder === seat) this.holder = undefined;
    this.seats.delete(nexus.id);
  }

  seat(nexus: Nexus): Seat {
    return this.seats.get(nexus.id) ?? this.open(nexus);
  }

  /** The tasks of these seats as ones to be stopped by `by`: with TAS those of others end in a status (SAM-6 section 5.3.1). */
  stopped(seats: Iterable<Seat>, by: Nexus): StoppedTask[] {
    const all: StoppedTask[] = [];
    for (const seat of seats) {
      const tell = this.modes.tellsAborted && seat.nexus.id !== by.id;
      for (const { tag } of seat.tasks)
        all.push(tell ? { nexus: seat.nexus.id, tag, tell } : { nexus: seat.nexus.id, tag });
    }
    return all;
  }

  /** A unit attention for every nexus but one. */
  attendAll(code: number, except?: Seat): void {
    for (const seat of this.seats.values()) if (seat !== except) seat.attend(code);
  }

  /** A reset (SAM-6 section 6.3.3); `code` tells what kind. Every nexus is told, the one that asked for it too. */
  reset(code: number): void {
    this.holder = undefined;
    this.modes.reset();
    for (const seat of this.seats.values()) seat.prevents = false;
    this.attendAll(code);
  }

  /** Refuses what a reservation of somebody else forbids. */
  admit(seat: Seat, command: { readonly access: Access; readonly unreserved: boolean }): void {
    if (this.holder !== undefined && this.holder !== seat && !command.unreserved) throw conflict();
    if (this.registry.type !== 0 && this.registry.forbids(seat.nexus, command.access)) throw conflict();
  }

  get isRestricted(): boolean {
    return this.holder !== undefined || this.registry.type !== 0;
  }

  /** Refuses a command that needs the medium while it is not there or not usable. */
  demandMedium(): void {
    if (this.isEjected) throw notReady(MEDIUM_NOT_PRESENT);
  }

  get isReady(): boolean {
    return !this.isEjected;
  }

  /** Refuses what has to wait for an operation on all of the unit, or is useless after one that failed. */
  demandWhole(): void {
    const { job } = this;
    if (job !== undefined) throw check(NOT_READY, job.code, { progress: job.progress });
    if (this.sanitizeFailed) throw check(MEDIUM_ERROR, SANITIZE_FAILED);
  }

  sense(fields: SenseFields): Uint8Array {
    return this.modes.descriptorSense ? descriptorSense(fields) : fixedSense(fields);
  }

  /** What the host is told of something that was thrown while a command was looked at or executed. */
  outcomeOf(error: unknown, writes: boolean): DeviceOutcome {
    if (error instanceof Refusal) {
      return error.fields === undefined
        ? { status: error.status }
        : { status: error.status, sense: this.sense(error.fields) };
    }
    if (!(error instanceof Fault)) throw error;
    return { status: CHECK_CONDITION, sense: this.sense(failure(error, writes)) };
  }
}

/** The medium failed: an unreachable one may come back, a full one takes reads. */
function failure(fault: Fault, writes: boolean): SenseFields {
  if (fault.unreachable) return { key: NOT_READY, code: BECOMING_READY };
  if (fault.blame === 'bug') return { key: HARDWARE_ERROR, code: 0x4400 };
  if (isFull(fault.cause)) return { key: 0x7, code: SPACE_EXHAUSTED };
  return { key: MEDIUM_ERROR, code: writes ? WRITE_FAILED : READ_FAILED };
}

function isFull(cause: unknown): boolean {
  return typeof cause === 'object' && cause !== null && (cause as { code?: unknown }).code === 'ENOSPC';
}
