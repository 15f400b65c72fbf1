import type { DoubtRecord } from '../base/backlog.ts';
import type { Fault } from '../base/fault.ts';
import type { Health } from './health.ts';
import type { Repair } from './repair.ts';
import type { MirrorState } from './requests.ts';
import type { MirrorName } from './words.ts';

export interface StandingParts {
  name: MirrorName;
  record: DoubtRecord;
  repair: Repair;
  health: Health;
  traffic: { grow(capacity: number): void; notice(text: string): void };
}

/** How a mirror stands, and how it breaks and is mended, whichever way it is kept. */
export abstract class Standing {
  readonly name: MirrorName;
  readonly record: DoubtRecord;
  protected readonly repair: Repair;
  protected readonly health: Health;
  readonly #out: StandingParts['traffic'];

  constructor({ name, record, repair, health, traffic }: StandingParts) {
    this.name = name;
    this.record = record;
    this.repair = repair;
    this.health = health;
    this.#out = traffic;
  }

  get resolving(): boolean {
    return this.repair.active;
  }

  /** The last reading back met something that the first volume could not give. */
  get unreadable(): boolean {
    return this.repair.failed;
  }

  /** Why it is broken or paused. */
  get fault(): Fault | undefined {
    return this.health.fault;
  }

  get size(): number {
    return this.health.size;
  }

  get state(): MirrorState {
    if (this.health.fault) return this.health.paused ? 'paused' : 'broken';
    if (this.repair.active) return this.repair.whole ? 'copying' : 'repairing';
    return this.settled ? 'equal' : 'behind';
  }

  /** Bytes read back, of those that were to be, in the resolving under way or the last one. */
  get progress(): { done: number; total: number } {
    return this.repair.progress;
  }

  /** Bytes copied from the first volume, or compared with it. */
  get resolvedBytes(): number {
    return this.repair.copiedBytes;
  }

  /** It has everything, and nothing in it is in doubt. */
  protected abstract get settled(): boolean;

  /** It has just been paused or broken: what is under way or waits goes into the record. */
  protected abstract abandon(): void;

  protected break(fault: Fault): void {
    if (this.health.break(fault)) this.#stop();
  }

  protected pause(fault: Fault): void {
    if (this.health.pause(fault)) this.#stop();
  }

  protected mended(bytes: number): void {
    if (!this.health.fault) return;
    this.health.mend(bytes);
    const { size, capacity } = this.health;
    if (capacity > size) this.#out.grow(capacity);
  }

  #stop(): void {
    this.abandon();
    this.repair.stop();
    const { message, mend } = this.health.fault as Fault;
    this.#out.notice(mend === undefined ? message : `${message}; ${mend}`);
  }
}
