import type { Nexus } from '../base/device.ts';
import type { Access } from './logicalUnit.ts';
import { readRegistry, writeRegistry } from './registryBytes.ts';

/** Reservation types, SPC-5 section 6.16.3.4. */
export const WRITE_EXCLUSIVE = 0x1;
export const EXCLUSIVE_ACCESS = 0x3;
export const WRITE_EXCLUSIVE_REGISTRANTS_ONLY = 0x5;
export const EXCLUSIVE_ACCESS_REGISTRANTS_ONLY = 0x6;
export const WRITE_EXCLUSIVE_ALL_REGISTRANTS = 0x7;
export const EXCLUSIVE_ACCESS_ALL_REGISTRANTS = 0x8;

const TYPES: readonly number[] = [1, 3, 5, 6, 7, 8];
const REGISTRATIONS_MAX = 1024;

/** One registered I_T nexus; it stays when the nexus is lost. */
export interface Registration {
  readonly initiator: string;
  readonly initiatorPort: string;
  /** Relative target port; 0 is all of them (ALL_TG_PT). */
  readonly targetPort: number;
  key: bigint;
}

export interface RegistryState {
  readonly registrations: readonly { readonly registration: Registration; readonly key: bigint }[];
  readonly generation: number;
  readonly type: number;
  readonly holder: Registration | undefined;
  readonly isKept: boolean;
}

/** The persistent reservation of a logical unit and those who are registered with it, SPC-5 section 5.14. */
export class Registry {
  /** PRGENERATION; starts at zero with every power on. */
  generation = 0;
  /** The reservation's type; 0 where there is none. */
  type = 0;
  /** Who holds it; undefined where nobody does and where all registrants do. */
  holder: Registration | undefined = undefined;
  /** Persist through power loss, as the last registration asked for. */
  isKept = false;
  readonly #registrations = new Map<string, Registration>();

  constructor(kept: Uint8Array | undefined) {
    const was = kept === undefined ? undefined : readRegistry(kept);
    if (was === undefined) return;
    this.isKept = true;
    for (const one of was.registrations) this.#registrations.set(idOf(one.initiatorPort, one.targetPort), one);
    this.type = was.type;
    this.holder = was.holder;
  }

  /** What `keep` is to keep: nothing but that there is nothing, unless it persists. */
  bytes(): Uint8Array {
    return this.isKept ? writeRegistry([...this.all()], this.type, this.holder) : writeRegistry([], 0, undefined);
  }

  get size(): number {
    return this.#registrations.size;
  }

  /** All of it, as it is now. */
  state(): RegistryState {
    const registrations = [...this.all()].map((registration) => ({ registration, key: registration.key }));
    const { generation, type, holder, isKept } = this;
    return { registrations, generation, type, holder, isKept };
  }

  restore(state: RegistryState): void {
    this.#registrations.clear();
    for (const { registration, key } of state.registrations) {
      registration.key = key;
      this.put(registration);
    }
    this.generation = state.generation;
    this.type = state.type;
    this.holder = state.holder;
    this.isKept = state.isKept;
  }

  hasRoomFor(count: number): boolean {
    return this.#registrations.size + count <= REGISTRATIONS_MAX;
  }

  /** The registrations or who holds them changed: PRGENERATION, SPC-5 section 6.16.2. */
  count(): void {
    this.generation = (this.generation + 1) % 0x100000000;
  }

  all(): IterableIterator<Registration> {
    return this.#registrations.values();
  }

  find(initiatorPort: string, targetPort: number): Registration | undefined {
    return this.#registrations.get(idOf(initiatorPort, targetPort)) ?? this.#registrations.get(idOf(initiatorPort, 0));
  }

  of(nexus: Nexus): Registration | undefined {
    return this.find(nexus.initiatorPort, nexus.targetPort);
  }

  put(registration: Registration): void {
    this.#registrations.set(idOf(registration.initiatorPort, registration.targetPort), registration);
  }

  remove(registration: Registration): void {
    this.#registrations.delete(idOf(registration.initiatorPort, registration.targetPort));
  }

  /** Whether this registration holds the reservation, alone or with all the others. */
  holds(registration: Registration | undefined): boolean {
    if (this.type === 0 || registration === undefined) return false;
    return isAllRegistrants(this.type) || this.holder === registration;
  }

  reserve(registration: Registration, type: number): void {
    this.type = type;
    this.holder = isAllRegistrants(type) ? undefined : registration;
  }

  release(): void {
    this.type = 0;
    this.holder = undefined;
  }

  /** Table of commands that are allowed in the presence of a reservation, SPC-5 section 5.14.1. */
  forbids(nexus: Nexus, access: Access): boolean {
    if (this.type === 0 || access === 'free') return false;
    const registration = this.of(nexus);
    if (this.holds(registration)) return false;
    if (registration !== undefined && this.type >= WRITE_EXCLUSIVE_REGISTRANTS_ONLY) return false;
    return access === 'writes' || isExclusiveAccess(this.type);
  }
}

export function isType(type: number): boolean {
  return TYPES.includes(type);
}

export function isAllRegistrants(type: number): boolean {
  return type === WRITE_EXCLUSIVE_ALL_REGISTRANTS || type === EXCLUSIVE_ACCESS_ALL_REGISTRANTS;
}

/** Other registrants may do what the holder may: they are told when the reservation is over. */
export function isShared(type: number): boolean {
  return type >= WRITE_EXCLUSIVE_REGISTRANTS_ONLY;
}

function isExclusiveAccess(type: number): boolean {
  return (
    type === EXCLUSIVE_ACCESS || type === EXCLUSIVE_ACCESS_REGISTRANTS_ONLY || type === EXCLUSIVE_ACCESS_ALL_REGISTRANTS
  );
}

function idOf(initiatorPort: string, targetPort: number): string {
  return `${targetPort} ${initiatorPort}`;
}
