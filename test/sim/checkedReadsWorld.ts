import assert from 'node:assert/strict';
import { copyOf } from '../../src/base/bytes.ts';
import type { Piece } from '../../src/base/change.ts';
import { Extents } from '../../src/base/extents.ts';
import { BlockTable } from '../../src/blocks/blockTable.ts';
import { Room } from '../../src/buffer/room.ts';
import type { KeptTable } from '../../src/unit/blockTable/blockTable.ts';
import { TabledVolume } from '../../src/unit/blockTable/blockTableVolume.ts';
import type { CheckedReads } from '../../src/unit/compare/checkedReads.ts';
import { ReadDesk } from '../../src/unit/compare/checkedReadsDesk.ts';
import { volumeReads } from '../../src/unit/compare/checkedReadsVolume.ts';
import { Watchers } from '../../src/unit/compare/verifyVolume.ts';
import { underWayOf } from '../../src/unit/live/liveUnderWay.ts';
import { VolumeUnit } from '../../src/unit/mirror/volumeUnit.ts';
import { claim, LU } from '../kit/bus.ts';
import { cdb10, sense, write10 } from '../kit/cdb.ts';
import type { Connection, Sent } from '../kit/connection.ts';
import { InlineBus, type InlineLink } from '../kit/inline.ts';
import { Medium } from '../unit/unit/history/historyKit.ts';
import { random } from './random.ts';

export const PAGE = 4096;
const BLOCK = 512;
/** Of 160 pages hosts use a few of the first group, and of the last, which the volume's end cuts short. */
const PAGES = 160;
export const SIZE: number = PAGES * PAGE + 3 * BLOCK;
const HOT = [0, 2, 63, PAGES - 1];
/** The groups of 64 pages that those are in. */
const HOT_GROUPS = [0, Math.floor((PAGES - 1) / 64)];
const SECTORS_MAX = 20;
const CONNECTIONS = 3;
const OPEN_MAX = 6;
const SETTLE_MS = 30_000;

interface Command {
  sent: Sent;
  lbn: number;
  count: number;
  /** Undefined: it reads. */
  data: Uint8Array | undefined;
  /** What the target did of it, once it has: what a read found. */
  executed: boolean;
  found: Uint8Array | undefined;
}

interface Host {
  c: Connection & { link: InlineLink };
  open: Command[];
}

/** A mirror whose requests take turns of the event loop, as many as chance has it. */
class Slow extends Medium {
  readonly #rnd: (below: number) => number;

  constructor(bytes: Uint8Array, id: string, rnd: (below: number) => number) {
    super(bytes, id);
    this.#rnd = rnd;
  }

  override async read(offset: number, into: Uint8Array): Promise<void> {
    await turns(this.#rnd(3));
    await super.read(offset, into);
    await turns(this.#rnd(3));
  }

  override async writev(pieces: readonly Piece[]): Promise<void> {
    // In two halves, and somebody may look in between.
    const half = this.#rnd(pieces.length + 1);
    await turns(this.#rnd(3));
    await super.writev(pieces.slice(0, half));
    await turns(this.#rnd(3));
    await super.writev(pieces.slice(half));
    await turns(this.#rnd(2));
  }
}

export async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise(setImmediate);
}

/**
 * Hosts that write and read a target through an inline snoop, a unit with a mirror and its block table, and the check of
 * reads. Commands take effect at the target at any time between command and status, whatever their order.
 */
export class ReadsWorld {
  readonly rnd: (below: number) => number;
  readonly first: Medium;
  readonly mirror: Slow;
  readonly notices: string[] = [];
  readonly checked: CheckedReads;
  /** Ranges of bytes that were told to differ. */
  readonly told = new Extents();
  readonly #tabled: TabledVolume;
  readonly #bus: InlineBus;
  readonly #unit: VolumeUnit;
  readonly #hosts: Host[] = [];
  /** Of connections that broke: they may land yet. */
  #orphans: Command[] = [];
  readonly #works: (() => void)[] = [];
  readonly #background: Promise<unknown>[] = [];
  #clock = 0;
  #sessions = 0;

  constructor(seed: number) {
    this.rnd = random(seed);
    const image = new Uint8Array(SIZE).map((_, i) => (i * 2654435761) >>> 11);
    this.first = new Slow(image, 'first', this.rnd);
    this.mirror = new Slow(image, 'mirror', this.rnd);
    this.#tabled = new TabledVolume(this.mirror, memoryTable(), false);
    const room = new Room({ bytes: 1 << 20, threshold: 0.25, whenFull: 'lbn' });
    const watchers = new Watchers();
    this.#unit = new VolumeUnit({
      lu: LU,
      room,
      mirrors: [{ to: 'file:mirror', volume: this.#tabled }],
      first: { name: 'file:first', volume: this.first },
      now: () => this.#clock,
      notice: (text) => this.notices.push(text),
      compare: true,
    });
    this.#unit.facts({ lu: LU, blockSize: BLOCK, blocks: SIZE / BLOCK, designators: [] });
    this.#bus = new InlineBus({
      room,
      volumes: [claim({ blocks: SIZE / BLOCK })],
      settleMs: SETTLE_MS,
      sink: {
        change: (change) => {
          watchers.saw(change);
          this.#unit.push(change);
        },
        barrier: (barrier) => this.#unit.barrier(barrier),
      },
      reads: {
        take: (_lu, offset, length) => this.checked.take(offset, length),
        read: (_lu, offset, bytes, unsure) => this.checked.read(offset, bytes, unsure),
        give: (_lu, bytes) => this.checked.give(bytes),
      },
    });
    const checked = volumeReads({
      unit: this.#unit,
      first: { name: 'file:first', volume: this.first },
      underWay: () => underWayOf(this.#bus.snoop.outstanding(LU), BLOCK, undefined),
      settleMs: 0,
      againMs: 1,
      now: () => this.#clock,
      bytesPerSecond: 1e12,
      desk: new ReadDesk((work) => this.#works.push(work)),
      watchers,
      notice: (text) => this.#tell(text),
      signal: new AbortController().signal,
    });
    this.checked = checked ?? assert.fail();
    for (let i = 0; i < CONNECTIONS; i++) this.#hosts.push(this.#host());
  }

  /** Something is done to a page of the mirror behind the unit's back, while its checksum is not known. */
  spoil(page: number): void {
    this.mirror.bytes[page * PAGE + this.rnd(512)] ^= 1 + this.rnd(255);
  }

  async run(steps: number): Promise<void> {
    for (let step = 0; step < steps; step++) await this.#step();
  }

  /** All commands end, the mirror catches up, its table is whole, and each block is read by a host. */
  async readAll(): Promise<void> {
    for (const host of this.#hosts) while (host.open.length > 0) this.#answer(host, host.open[0]);
    this.#land();
    this.#bus.wait(SETTLE_MS + 1000);
    await this.#unit.finish();
    await Promise.all(this.#background.splice(0));
    await this.#tabled.scrub.whole();
    const [host] = this.#hosts;
    for (let lbn = 0; lbn < SIZE / BLOCK; lbn += 64) this.#read(host, lbn, Math.min(64, SIZE / BLOCK - lbn));
    while (host.open.length > 0) this.#answer(host, host.open[0]);
    while (this.#works.length > 0) this.#works.shift()?.();
    await this.settled();
  }

  /** What is suspected has been looked at. */
  async settled(): Promise<void> {
    while (!this.checked.idle) {
      this.#tick();
      await turns(1);
    }
  }

  async close(): Promise<void> {
    await this.#unit.close();
  }

  #tick(): void {
    this.#clock += 2e9;
    this.checked.tick();
  }

  #tell(text: string): void {
    this.notices.push(text);
    for (const [, length, offset] of text.matchAll(/(\d+) at (\d+)/g)) {
      this.told.add(Number(offset), Number(offset) + Number(length));
    }
  }

  async #step(): Promise<void> {
    const host = this.#hosts[this.rnd(this.#hosts.length)];
    const dice = this.rnd(100);
    if (dice < 12) this.#write(host, ...this.#place());
    else if (dice < 34) this.#read(host, ...this.#place());
    else if (dice < 48) this.#execute(host.open.filter(({ executed }) => !executed));
    else if (dice < 70 && host.open.length > 0) this.#answerSome(host);
    else if (dice < 86) await turns(1 + this.rnd(4));
    else if (dice < 93) this.#background.push(this.#bring());
    else if (dice < 95) this.#works.shift()?.();
    else if (dice < 96) this.#break(host);
    else if (dice < 97) this.#execute(this.#orphans);
    else if (dice < 98) this.#resolve();
    else {
      this.#bus.wait(this.rnd(20));
      this.#tick();
    }
  }

  #place(): [lbn: number, count: number] {
    const lbn = (HOT[this.rnd(HOT.length)] * PAGE) / BLOCK + this.rnd(8);
    // Whole pages are what can be compared.
    const whole = this.rnd(2) === 0;
    const count = whole ? 16 : 1 + this.rnd(SECTORS_MAX);
    const from = whole ? lbn - (lbn % 8) : lbn;
    return [from, Math.min(count, SIZE / BLOCK - from)];
  }

  #write(host: Host, lbn: number, count: number): void {
    if (host.open.length >= OPEN_MAX) return;
    const data = new Uint8Array(count * BLOCK);
    for (let i = 0; i < data.length; i += 64) data[i] = this.rnd(256);
    const sent = host.c.command(write10(lbn, count), { out: data });
    host.open.push({ sent, lbn, count, data, executed: false, found: undefined });
  }

  #read(host: Host, lbn: number, count: number): void {
    const sent = host.c.command(cdb10(0x28, lbn, count), { in: count * BLOCK });
    const command: Command = { sent, lbn, count, data: undefined, executed: false, found: undefined };
    host.open.push(command);
    if (this.rnd(2) === 0) this.#effect(command);
  }

  #execute(commands: Command[]): void {
    const command = commands[this.rnd(Math.max(1, commands.length))];
    if (command !== undefined) this.#effect(command);
  }

  #effect(command: Command): void {
    const { lbn, count, data } = command;
    command.executed = true;
    if (data) this.first.bytes.set(data, lbn * BLOCK);
    else command.found = copyOf(this.first.bytes, lbn * BLOCK, (lbn + count) * BLOCK);
  }

  /** What a read found long ago may be answered late: others have written meanwhile, and the mirror has it all. */
  #answerSome(host: Host): void {
    const command = host.open[this.rnd(host.open.length)];
    const late = command.data === undefined && command.sent.itt % 3 === 0;
    if (!late || this.rnd(6) === 0) this.#answer(host, command);
  }

  #answer(host: Host, command: Command): void {
    host.open.splice(host.open.indexOf(command), 1);
    const { sent, data } = command;
    // A write may fail half-way, with an error of its medium: what it did nobody says.
    const fails = data !== undefined && this.rnd(40) === 0;
    if (fails && !command.executed) {
      this.#effect({ ...command, data: data.subarray(0, this.rnd(command.count + 1) * BLOCK) });
      command.executed = true;
    }
    if (!command.executed) this.#effect(command);
    const { found } = command;
    if (found) {
      const cut = this.rnd(found.length + 1) & ~3;
      if (cut > 0) host.c.dataIn(sent, found.subarray(0, cut));
      if (cut < found.length) host.c.dataIn(sent, found.subarray(cut), { offset: cut });
    }
    host.c.status(sent, fails ? { sense: sense(3, 0x0c) } : {});
  }

  /** Checksums are made anew, once the mirror has caught up or not. */
  async #bring(): Promise<void> {
    await turns(this.rnd(12));
    await this.#tabled.scrub.bring(HOT_GROUPS[this.rnd(2)]);
  }

  /** The connection breaks: what was sent may land yet, and nobody will tell. */
  #break(host: Host): void {
    host.c.link.rst('host');
    this.#orphans.push(...host.open.filter(({ executed, data }) => !executed && data));
    host.open.length = 0;
    host.c = this.#host().c;
  }

  #land(): void {
    for (const one of this.#orphans) if (this.rnd(2) === 0) this.#effect(one);
    this.#orphans = [];
  }

  /** What is in doubt is read back, as a caretaker has it done. */
  #resolve(): void {
    for (const { mirror, pump } of this.#unit.arms) {
      mirror.step({ kind: 'resolve', limit: this.#unit.limit });
      pump.run();
    }
  }

  #host(): Host {
    return { c: this.#bus.login({ isid: 1 + (this.#sessions++ % 200) }), open: [] };
  }
}

function memoryTable(): KeptTable {
  const bytes = new Uint8Array(1 << 20);
  const table = new BlockTable({
    storage: {
      read: (position, into) => into.set(bytes.subarray(position, position + into.length)),
      write: (position, from) => bytes.set(from, position),
      sync: async () => {},
      discard: () => bytes.fill(0),
    },
    blockBytes: PAGE,
    bytes: SIZE,
    believed: false,
    lost: (fault) => assert.fail(fault),
  });
  return {
    table,
    resize: (length) => table.resize(length),
    rename: () => table.loseAll(),
    close: async () => {},
  };
}
