import { lunNumber } from '../../parsers/scsi/lun.ts';
import type { DeviceCommand, DeviceManagement, DeviceServer, DeviceTask, Nexus, StoppedTask } from '../base/device.ts';
import { AbsentTask } from './absent.ts';
import type { Command } from './command.ts';
import type { Place } from './logicalUnit.ts';
import { LogicalUnit } from './logicalUnit.ts';
import type { DeviceOptions, LunOptions, LunStatus } from './options.ts';
import { attention, INVALID_OPCODE, illegal, invalidCdb, writeProtected } from './refusal.ts';
import type { Seat } from './seat.ts';
import { BUS_RESET, CAPACITY_CHANGED, DEVICE_RESET, LUNS_CHANGED, MEDIUM_CHANGED } from './seat.ts';
import { commandOf, hasActions } from './table.ts';
import { Task } from './task.ts';
import { Tokens } from './tokens.ts';

const TRANSFER_BYTES_MAX = 0x2000000;
const NACA = 0x04;
const SANITIZE = 0x48;

/** A SCSI target device with the logical units of `options`. */
export function createDevice(options: DeviceOptions): Device {
  return new Device(options);
}

/** A SCSI target device: routes commands to its logical units and keeps what is true of all of them. */
export class Device implements DeviceServer, Place {
  readonly name: string;
  readonly transferBytesMax: number;
  readonly tokens: Tokens = new Tokens();
  readonly #units = new Map<number, LogicalUnit>();
  readonly #nexuses = new Map<number, Nexus>();
  readonly background: ((task: DeviceTask) => void) | undefined;
  #order = 0;

  constructor(options: DeviceOptions) {
    this.name = options.name;
    this.transferBytesMax = options.transferBytesMax ?? TRANSFER_BYTES_MAX;
    this.background = options.background;
    for (const lun of options.luns) this.#place(lun);
  }

  open(nexus: Nexus): void {
    this.#nexuses.set(nexus.id, nexus);
    for (const unit of this.#units.values()) unit.open(nexus);
  }

  close(nexus: Nexus): void {
    this.#nexuses.delete(nexus.id);
    for (const unit of this.#units.values()) unit.close(nexus);
  }

  begin(order: DeviceCommand): DeviceTask {
    const number = lunNumber(order.lun, 0);
    const unit = number === undefined ? undefined : this.#units.get(number);
    if (unit === undefined) return new AbsentTask(order, () => this.luns());
    const seat = unit.seat(order.nexus);
    this.#order += 1;
    const task = new Task(unit, seat, order, this.#order);
    try {
      this.#admit(task, unit, seat, order.cdb);
    } catch (error) {
      task.takes = 0;
      task.failed = task.outcomeOf(error);
    }
    seat.add(task);
    return task;
  }

  /** Everything that can be refused before any data moves, in the order of SAM-6 section 5.3.3. */
  #admit(task: Task, unit: LogicalUnit, seat: Seat, cdb: Uint8Array): void {
    const found = commandOf(cdb);
    if (!seat.isGreeted && found?.calm !== true) this.#report(seat);
    if (found === undefined || found.offered?.(unit) === false) {
      throw hasActions(cdb[0], unit) ? invalidCdb(1, 4) : illegal(INVALID_OPCODE);
    }
    task.command = found;
    // ACA is not supported: nobody may ask for it (SAM-6 section 5.3.2).
    const control = found.usage.length - 1;
    if ((cdb[control] & NACA) !== 0) throw invalidCdb(control, 2);
    if (unit.isRestricted) unit.admit(seat, found);
    if (!found.always && (unit.job !== undefined || unit.sanitizeFailed)) this.#demandWhole(unit, found);
    if (found.medium && !unit.isReady) unit.demandMedium();
    if (found.writes && unit.isWriteProtected) throw writeProtected();
    found.prepare(task, cdb);
    if (unit.hasTokens) task.touch();
  }

  /** After a sanitize operation that failed only another one goes on (SBC-4 section 4.11.4). */
  #demandWhole(unit: LogicalUnit, found: Command): void {
    if (unit.job === undefined && found.opcode === SANITIZE) return;
    unit.demandWhole();
  }

  #report(seat: Seat): void {
    const code = seat.takeAttention();
    if (code !== undefined) throw attention(code);
  }

  /** LUNs in ascending order. */
  luns(): readonly number[] {
    return [...this.#units.keys()].sort((one, other) => one - other);
  }

  units(): readonly LogicalUnit[] {
    return [...this.#units.values()];
  }

  manage(order: DeviceManagement): readonly StoppedTask[] | 'no lun' {
    if (!('lun' in order)) return this.#resetAll(order.kind, order.nexus);
    const number = lunNumber(order.lun, 0);
    const unit = number === undefined ? undefined : this.#units.get(number);
    if (unit === undefined) return 'no lun';
    const seat = unit.seat(order.nexus);
    switch (order.kind) {
      case 'abortTask':
        return unit.stopped([seat], order.nexus).filter(({ tag }) => tag === order.tag);
      case 'abortTaskSet':
      case 'clearTaskSet':
        // Every nexus has a task set of its own (TST 001b): others' tasks stay (SAM-6 section 7.4).
        return unit.stopped([seat], order.nexus);
      case 'clearAca':
        return [];
      case 'lunReset': {
        const tasks = unit.stopped(unit.seats.values(), order.nexus);
        unit.reset(DEVICE_RESET);
        return tasks;
      }
    }
  }

  #resetAll(kind: 'targetWarmReset' | 'targetColdReset', by: Nexus): readonly StoppedTask[] {
    const units = [...this.#units.values()];
    const tasks = units.flatMap((unit) => unit.stopped(unit.seats.values(), by));
    const code = kind === 'targetWarmReset' ? BUS_RESET : DEVICE_RESET;
    for (const unit of units) unit.reset(code);
    return tasks;
  }

  /** The medium has another size: every host is told (SBC-4 section 4.10). */
  resize(lun: number, blocks: number): void {
    const unit = this.#units.get(lun);
    if (unit === undefined || unit.blocks === blocks) return;
    unit.blocks = blocks;
    unit.attendAll(CAPACITY_CHANGED);
  }

  /** Behind the same LUN lies another medium, or the same after what the hosts know no longer holds. */
  changeMedium(lun: number): void {
    this.#units.get(lun)?.attendAll(MEDIUM_CHANGED);
  }

  /** One more logical unit; the hosts are told that the LUNs changed. Its LUN and its key must be free. */
  add(options: LunOptions): void {
    const unit = this.#place(options);
    for (const nexus of this.#nexuses.values()) unit.open(nexus);
    this.#lunsChanged(unit);
  }

  /** Takes a logical unit away; its tasks end as they would have. */
  remove(lun: number): void {
    if (this.#units.delete(lun)) this.#lunsChanged(undefined);
  }

  status(): readonly LunStatus[] {
    return this.luns().map((lun) => {
      const unit = this.#units.get(lun) as LogicalUnit;
      let tasks = 0;
      for (const seat of unit.seats.values()) tasks += seat.tasks.size;
      return {
        lun,
        blocks: unit.blocks,
        tasks,
        registrants: unit.registry.size,
        reserved: unit.isRestricted,
        writeCache: unit.modes.writeCache,
      };
    });
  }

  #lunsChanged(except: LogicalUnit | undefined): void {
    for (const unit of this.#units.values()) if (unit !== except) unit.attendAll(LUNS_CHANGED);
  }

  #place(options: LunOptions): LogicalUnit {
    const unit = new LogicalUnit(options, this);
    this.#units.set(options.lun, unit);
    return unit;
  }
}
