import assert from 'node:assert/strict';
import { closeSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { openFileVolume } from '../../hw/files.ts';
import type { Piece } from '../../src/base/change.ts';
import type { Volume } from '../../src/base/volume.ts';
import { Room } from '../../src/buffer/room.ts';
import type { FileMedium } from '../../src/unit/config/config.ts';
import { type LiveParts, LiveVolume, type Medium } from '../../src/unit/live/liveVolume.ts';
import { LateVolume } from '../../src/unit/lu/lateVolume.ts';
import { random } from './random.ts';

const LU = 'iqn.2024-01.lab.example:arms/1';
const BLOCK = 512;
const SIZE = 128 * 1024;
const PIECE_BLOCKS = 24;
const ROOM_BYTES = 96 * 1024;
const NAMES = ['a', 'b', 'c', 'd'];

/** What a run came to, so that a test can tell that it was a run. */
export interface ArmsTally {
  writes: number;
  added: number;
  /** Of those that left: with all that they were to get. */
  removed: number;
  whole: number;
  kills: number;
  /** Kills while a mirror came or went. */
  middles: number;
}

/**
 * A volume whose mirrors, real files, come and go at random while it is written, with kills at any moment: after each a new
 * `LiveVolume` has what was committed before, and the records that were left.
 *
 * Asserts at every step that no mirror is called equal that differs, and of one that left as equal that it holds what the volume
 * held then, for ever; at the end that all are equal.
 */
export class ArmsWorld {
  readonly tally: ArmsTally = { writes: 0, added: 0, removed: 0, whole: 0, kills: 0, middles: 0 };
  readonly #folder: string;
  readonly #below: (below: number) => number;
  readonly #model = Buffer.alloc(SIZE);
  readonly #first: number;
  /** What is durable of who is a mirror. */
  #members: string[] = ['a'];
  /** What those hold that left as equal. */
  readonly #left = new Map<string, Buffer>();
  /** What the volume held when mirrors got the last of it. */
  readonly #moments = new Map<string, Buffer>();
  #live: LiveVolume | undefined;
  #media: Medium[] = [];
  #under: Promise<unknown> | undefined;
  #life = 0;
  #seq = 0;

  constructor(folder: string, seed: number) {
    this.#folder = folder;
    this.#below = random(seed);
    for (const name of NAMES) writeFileSync(this.#path(name), Buffer.alloc(SIZE, 0xee));
    writeFileSync(this.#path('first'), this.#model);
    this.#first = openSync(this.#path('first'), 'r+');
  }

  async run(steps: number): Promise<void> {
    try {
      await this.#start();
      for (let i = 0; i < steps; i++) {
        await this.#step();
        this.#honest();
      }
      await this.#settle();
    } finally {
      await this.#kill();
      closeSync(this.#first);
    }
  }

  async #step(): Promise<void> {
    const dice = this.#below(100);
    if (dice < 55) this.#write();
    else if (dice < 62) this.#live?.barrier({ seq: this.#seq, at: 0n, lu: LU });
    else if (dice < 72) this.#change();
    else if (dice < 73) {
      if (this.#under) this.tally.middles++;
      await this.#kill();
      this.tally.kills++;
      await this.#start();
    } else if (dice < 88) await new Promise(setImmediate);
    else if (dice < 91) await this.#over();
    else await new Promise((resolve) => setTimeout(resolve, this.#below(4)));
    this.#live?.tick();
  }

  /** Who comes or goes is there, or gone; as in a unit the volume is looked after all the while. */
  async #over(): Promise<void> {
    const ticker = setInterval(() => this.#live?.tick(), 1);
    try {
      await this.#under;
    } finally {
      clearInterval(ticker);
    }
  }

  /** A host's write, from its command to its status. */
  #write(): void {
    const live = this.#live as LiveVolume;
    const length = BLOCK * (1 + this.#below(PIECE_BLOCKS));
    const offset = BLOCK * this.#below(SIZE / BLOCK - length / BLOCK + 1);
    live.intent(offset, length);
    const bytes = Buffer.alloc(length, 1 + this.#below(250));
    writeSync(this.#first, bytes, 0, length, offset);
    bytes.copy(this.#model, offset);
    const lease = this.#room.take(length);
    const pieces: Piece[] = [{ offset, length, payload: lease ? copied(bytes, lease.parts) : 'lbnOnly' }];
    const doubt = lease ? {} : { doubt: 'no-room' as const };
    live.push({ seq: ++this.#seq, at: 0n, lu: LU, pieces, fua: false, ...(lease ? { lease } : doubt) });
    this.tally.writes++;
  }

  #room = new Room({ bytes: ROOM_BYTES, threshold: 0.25, whenFull: 'lbn' });

  /** Somebody adds a mirror, or takes one away; one at a time, and nobody waits for the end. */
  #change(): void {
    if (this.#under) return;
    const live = this.#live as LiveVolume;
    const there = live.unit.arms.map(({ to }) => to);
    const name = NAMES[this.#below(NAMES.length)];
    const under = there.includes(name) ? this.#remove(live, name, there.length) : this.#add(live, name);
    const life = this.#life;
    const over = (): void => {
      if (life === this.#life) this.#under = undefined;
    };
    // One that was cut off by a kill came to nothing, or not, as its commit says.
    this.#under = under.catch((error: unknown) => {
      if (life === this.#life) throw error;
    });
    this.#under.then(over, over);
  }

  async #add(live: LiveVolume, name: string): Promise<void> {
    // It was nobody's until now: whatever is in it is not what it was.
    if (this.#below(2) === 0) writeFileSync(this.#path(name), Buffer.alloc(SIZE, this.#below(256)));
    this.#left.delete(name);
    const medium = this.#medium(name);
    await medium.volume.open();
    this.#media.push(medium);
    const commit = (): Promise<void> => this.#commit(live, [...this.#members.filter((one) => one !== name), name]);
    await live.mirrors.join(medium, fileOf(medium.to), { commit });
    this.tally.added++;
  }

  async #remove(live: LiveVolume, name: string, mirrors: number): Promise<void> {
    if (mirrors === 1) return;
    const arm = live.unit.arms.find(({ to }) => to === name);
    assert.ok(arm);
    const hurry = this.#below(3) === 0 ? AbortSignal.abort() : new AbortController().signal;
    const members = this.#members.filter((one) => one !== name);
    const commit = (): Promise<void> => this.#commit(live, members);
    const { state } = await live.mirrors.leave(arm, { hurry, progress: () => {}, commit });
    this.#media = this.#media.filter(({ to }) => to !== name);
    this.tally.removed++;
    if (state !== 'equal') return;
    this.tally.whole++;
    this.#left.set(name, this.#moments.get(name) as Buffer);
  }

  async #commit(live: LiveVolume, members: string[]): Promise<void> {
    await new Promise(setImmediate);
    if (live !== this.#live) throw new Error('nobody is there any more');
    this.#members = members;
  }

  async #start(): Promise<void> {
    this.#life++;
    this.#under = undefined;
    this.#room = new Room({ bytes: ROOM_BYTES, threshold: 0.25, whenFull: 'lbn' });
    const first = {
      to: 'first',
      volume: new LateVolume('first', 'file', () =>
        openFileVolume(this.#path('first'), { writable: false, lock: false }),
      ),
    };
    this.#media = this.#members.map((name) => this.#medium(name));
    for (const { volume } of [first, ...this.#media]) await volume.open();
    const config = { lu: LU, portals: [], blockSize: BLOCK, mirrors: this.#media.map(({ to }) => fileOf(to)) };
    const live = await LiveVolume.open(config, this.#parts(), first, this.#media);
    this.#media = [first, ...this.#media];
    const leave = live.unit.leave.bind(live.unit);
    live.unit.leave = (arm) => {
      this.#moments.set(arm.to, Buffer.from(this.#model));
      leave(arm);
    };
    this.#live = live;
  }

  /** The process is gone: what it had asked the system to write is written, and nothing else. */
  async #kill(): Promise<void> {
    const live = this.#live;
    this.#live = undefined;
    if (live === undefined) return;
    const records = live.keepers.map(({ record }) => record.stored.close(false));
    await Promise.all([...records, ...this.#media.map(({ volume }) => volume.close())]);
    await live.close(AbortSignal.abort());
    await this.#under?.catch(() => {});
  }

  async #settle(): Promise<void> {
    const end = performance.now() + 30_000;
    for (;;) {
      const live = this.#live as LiveVolume;
      live.tick();
      this.#honest();
      const states = live.keepers.map(({ caretaker }) => caretaker.state);
      if (this.#under === undefined && states.every((state) => state === 'equal')) break;
      assert.ok(performance.now() < end, `not equal in time: ${states.join(', ')}`);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    const { arms } = (this.#live as LiveVolume).unit;
    assert.deepEqual(arms.map(({ to }) => to).sort(), [...this.#members].sort());
  }

  #honest(): void {
    const live = this.#live as LiveVolume;
    for (const [i, { to }] of live.unit.arms.entries()) {
      if (live.keepers[i].caretaker.state === 'equal') this.#holds(to, this.#model, 'is called equal');
    }
    for (const [name, bytes] of this.#left) this.#holds(name, bytes, 'left as equal');
  }

  #holds(name: string, bytes: Buffer, why: string): void {
    const held = readFileSync(this.#path(name));
    if (held.equals(bytes)) return;
    const at = held.findIndex((byte, i) => byte !== bytes[i]);
    assert.fail(`${name} ${why} and has ${held[at]} at ${at} in place of ${bytes[at]} (life ${this.#life})`);
  }

  #medium(name: string): Medium {
    const open = (): Promise<Volume> => openFileVolume(this.#path(name), { writable: true, lock: false });
    return { to: name, volume: new LateVolume(name, 'file', open) };
  }

  #parts(): LiveParts {
    return {
      room: this.#room,
      folder: join(this.#folder, 'state'),
      record: { chunkBytes: 4096, hotBytes: 16_384 },
      looking: true,
      synced: false,
      copyAfterMs: 0,
      settleMs: 0,
      now: () => performance.now() * 1e6,
      wall: Date.now,
      notice: () => {},
      told: () => {},
      outstanding: () => undefined,
    };
  }

  #path(name: string): string {
    return join(this.#folder, name);
  }
}

function fileOf(name: string): FileMedium {
  return { kind: 'file', to: name, path: name };
}

/** The bytes in the parts of a lease. */
function copied(bytes: Buffer, parts: readonly Uint8Array[]): Uint8Array[] {
  let at = 0;
  return parts.map((part) => {
    const own = part.subarray(0, bytes.length - at);
    own.set(bytes.subarray(at, at + own.length));
    at += own.length;
    return own;
  });
}
