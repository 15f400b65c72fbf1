import { CHECK_CONDITION, NOT_READY } from '../../parsers/scsi/sense.ts';
import type { SenseFields } from '../../parsers/scsi/senseBuild.ts';
import { descriptorSense, fixedSense } from '../../parsers/scsi/senseBuild.ts';
import type { DeviceOutcome, Nexus } from '../base/device.ts';
import { Fault } from '../base/fault.ts';
import { Modes } from './modes.ts';
import type { LunIdentity, LunOptions } from './options.ts';
import { conflict, MEDIUM_NOT_PRESENT, notReady, Refusal } from './refusal.ts';
import { Registry } from './registry.ts';
import { DEVICE_RESET, NEXUS_LOSS, POWER_ON, Seat } from './seat.ts';

const MEDIUM_ERROR = 0x3;
const HARDWARE_ERROR = 0x4;
const BECOMING_READY = 0x0401;
const START_REQUIRED = 0x0402;
const SANITIZE_IN_PROGRESS = 0x041b;
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
  luns(): readonly number[];
  units(): readonly LogicalUnit[];
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
  readonly modes: Modes;
  readonly registry: Registry;
  readonly seats: Map<number, Seat> = new Map();
  blocks: number;
  /** Of RESERVE(6) and RESERVE(10), SPC-2 section 5.5. */
  holder: Seat | undefined = undefined;
  isStopped = false;
  isEjected = false;
  /** How far a sanitize operation is, in 65536ths; -1 while there is none. */
  sanitized = -1;
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
    this.modes = new Modes({ cache: options.cache === true, isProtectable: true }, options.saved?.modes);
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

  /** A unit attention for every nexus but one. */
  attendAll(code: number, except?: Seat): void {
    for (const seat of this.seats.values()) if (seat !== except) seat.attend(code);
  }

  /** LOGICAL UNIT RESET (SAM-6 section 6.3.3); `code` tells what kind of reset it was. */
  reset(code: number = DEVICE_RESET): void {
    this.holder = undefined;
    this.isStopped = false;
    this.modes.reset();
    for (const seat of this.seats.values()) {
      seat.prevents = false;
      seat.attend(code);
    }
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
    if (this.isStopped) throw notReady(START_REQUIRED);
  }

  get isReady(): boolean {
    return !this.isEjected && !this.isStopped;
  }

  demandNotSanitizing(): void {
    if (this.sanitized >= 0) {
      throw new Refusal(CHECK_CONDITION, { key: NOT_READY, code: SANITIZE_IN_PROGRESS, progress: this.sanitized });
    }
    if (this.sanitizeFailed) throw new Refusal(CHECK_CONDITION, { key: MEDIUM_ERROR, code: 0x3103 });
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
