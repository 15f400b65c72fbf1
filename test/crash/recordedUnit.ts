import assert from 'node:assert/strict';
import { copyOf } from '../../src/base/bytes.ts';
import { Extents } from '../../src/base/extents.ts';
import type { ClearTicket } from '../../src/base/record.ts';
import type { TeeOutlet } from '../../src/base/tee.ts';
import { StatusGate } from '../../src/gate/statusGate.ts';
import { WriteGate } from '../../src/gate/writeGate.ts';
import { KeptRecord } from '../../src/record/kept.ts';
import { Marks } from '../../src/record/marks.ts';
import { readStored } from '../../src/record/stored.ts';
import { Snoop } from '../../src/snoop/snoop.ts';
import { StreamTap } from '../../src/unit/bus/teeTap.ts';
import { BLOCK, blocks, claim, HOST, LU, startWrite, TARGET } from '../kit/bus.ts';
import { Connection, type Sent } from '../kit/connection.ts';
import { type Bytes, type From, Link, Wire } from '../kit/link.ts';
import { TestRoom } from '../kit/run.ts';
import { join } from '../unit/parsers/net/build.ts';
import { KEEPING, MemoryStorage, OTHER_BOOT } from '../unit/record/memoryStorage.ts';

const CHUNKS = KEEPING.bytes / BLOCK;
/** A chunk of the record is a block here. */
const RECORDED = { ...KEEPING, synced: true };

/** Pages that are durable only when the test says so. */
export class SlowStorage extends MemoryStorage {
  readonly syncing: (() => void)[] = [];
  slow = false;

  override sync(): Promise<void> {
    return this.later(this.log.length);
  }

  /** The oldest sync under way ends. */
  release(): void {
    this.syncing.shift()?.();
  }

  private async later(length: number): Promise<void> {
    if (this.slow) await new Promise<void>((resolve) => this.syncing.push(resolve));
    await super.sync();
    // What was written while it ran may not be on the medium.
    this.syncedAt[this.syncedAt.length - 1] = length;
  }
}

export interface Command {
  readonly lbn: number;
  readonly count: number;
  readonly sent: Sent;
  /** Where its last byte ends in the host's direction. */
  readonly end: number;
  reached: boolean;
  answered: boolean;
  /** The mirror has it, and would have it after a power loss. */
  mirrored: boolean;
  flushed: boolean;
}

/** One host's connection: what it sends lies here until it is delivered, in reads of any length. */
export class HostLink extends Link {
  readonly commands: Command[] = [];
  /** Bytes that the host sent, that came to the tee, and that went on to the target. */
  sent = 0;
  came = 0;
  passed = 0;
  tap!: StreamTap;
  /** The tee does not read from the host. */
  stopped = false;
  private waiting: Bytes = new Uint8Array(0);

  override send(from: From, bytes: Bytes): void {
    if (from === 'target') {
      this.tap.fromTarget(bytes, bytes.length);
      return;
    }
    this.waiting = join(this.waiting, bytes);
    this.sent += bytes.length;
  }

  get undelivered(): number {
    return this.waiting.length;
  }

  /** The host's next bytes come to the tee. */
  deliver(length = this.waiting.length): void {
    const bytes = this.waiting.subarray(0, length);
    this.waiting = copyOf(this.waiting, bytes.length);
    this.came += bytes.length;
    const { tap } = this;
    const first = tap.hostGoesFirst(bytes.length);
    if (first) this.pass(bytes.length);
    if (tap.fromHost(bytes, bytes.length) && !first) this.pass(bytes.length);
  }

  /** So many bytes more are at the target. */
  pass(length: number): void {
    this.passed += length;
    for (const command of this.commands) command.reached ||= this.passed >= command.end;
  }

  readonly toTarget: TeeOutlet = {
    write: (bytes) => this.pass(bytes.length),
    end: () => {},
    hold: (held) => {
      this.stopped = held;
    },
  };
}

/** A tee's decoder, gates and record before a scripted target, with a mirror that loses what was not flushed. */
export class RecordedUnit {
  readonly storage = new SlowStorage();
  readonly faults: string[] = [];
  readonly links: HostLink[] = [];
  readonly gate: WriteGate | undefined;
  kept!: KeptRecord;
  private readonly snoop: Snoop;
  private readonly hosts: Connection[] = [];
  private readonly room = new TestRoom();
  private answering: Command | undefined;
  private flushing: { ticket: ClearTicket; given: Command[] } | undefined;
  private now = 0;

  /** `gated` false: statuses and commands go on at once. */
  constructor(gated: boolean) {
    this.gate = gated ? new WriteGate() : undefined;
    this.snoop = new Snoop({
      room: this.room,
      volumes: [claim({ blocks: CHUNKS })],
      reorder: { ms: 0, bytes: 0 },
      sink: {
        intent: (lu, offset, length) => {
          this.kept.mark(offset, length);
          const wait = this.kept.settled(offset, length);
          if (wait !== undefined) this.gate?.intent(lu, wait);
        },
        change: (change) => {
          assert.equal(change.doubt, undefined);
          if (this.answering !== undefined) this.answering.mirrored = true;
          if (change.lease !== undefined) this.room.give(change.lease);
        },
      },
    });
    this.snoop.countFrom(1);
  }

  /** The record is empty, and everything from here on is slow. */
  async begin(hosts: number): Promise<this> {
    const marks = await Marks.open(this.storage, new Uint8Array(0), RECORDED);
    const none = new Extents();
    marks.clear(marks.candidates(none, true), none);
    await marks.sync();
    this.storage.slow = true;
    this.kept = new KeptRecord(marks, (fault) => this.faults.push(fault.message));
    for (let i = 0; i < hosts; i++) this.login(i);
    return this;
  }

  get commands(): Command[] {
    return this.links.flatMap(({ commands }) => commands);
  }

  /** The host sends a write of blocks that nobody else is writing; nothing of it comes to the tee yet. */
  write(host: number, lbn: number, count: number): void {
    const taken = (c: Command): boolean => !c.answered && c.lbn < lbn + count && lbn < c.lbn + c.count;
    if (lbn + count > CHUNKS || this.commands.some(taken)) return;
    const link = this.links[host];
    const sent = startWrite(this.hosts[host], lbn, blocks(host + 1, count));
    const rest = { reached: false, answered: false, mirrored: false, flushed: false };
    link.commands.push({ lbn, count, sent, end: link.sent, ...rest });
  }

  /** The target ends a command that it has. */
  answer(host: number, command: Command): void {
    assert.ok(command.reached && !command.answered);
    this.answering = command;
    this.hosts[host].status(command.sent);
    this.answering = undefined;
    command.answered = true;
  }

  beginFlush(all: boolean): void {
    if (this.flushing !== undefined) return;
    const ticket = this.kept.stored.candidates(this.needed(), all);
    this.flushing = { ticket, given: this.commands.filter(({ mirrored }) => mirrored) };
  }

  endFlush(): void {
    if (this.flushing === undefined) return;
    for (const command of this.flushing.given) command.flushed = true;
    this.kept.stored.clear(this.flushing.ticket, this.needed());
    this.flushing = undefined;
  }

  /** Blocks that the target may have changed, and that would be neither at the mirror nor marked if the power went now. */
  lostNow(): number[] {
    const open = this.commands.filter(({ reached, flushed }) => reached && !flushed);
    const { log, syncedAt } = this.storage;
    const synced = syncedAt.at(-1) ?? 0;
    const lost = new Set<number>();
    // The pages lie on the medium as the last sync left them, or as any write since then did.
    for (let writes = synced; writes <= log.length; writes++) {
      const stored = readStored(this.storage.after(writes), { ...RECORDED, bootId: OTHER_BOOT });
      if (stored.reset !== undefined) continue;
      for (const { lbn, count } of open) for (let c = lbn; c < lbn + count; c++) if (!stored.bitmap.has(c)) lost.add(c);
    }
    return [...lost];
  }

  private needed(): Extents {
    const needed = this.kept.below(Number.MAX_SAFE_INTEGER);
    this.snoop.outstanding(LU)?.blocks?.forEachIn(0, CHUNKS, (start, end) => needed.add(start * BLOCK, end * BLOCK));
    return needed;
  }

  private login(i: number): void {
    const link = new HostLink(new Wire());
    link.tap = new StreamTap({
      stream: this.snoop.attach({
        addresses: [Uint8Array.of(10, 0, 0, 1), Uint8Array.of(10, 0, 0, 2)],
        ports: [i, 3260],
      }),
      ends: {
        connection: i,
        hostAddress: '10.0.0.1',
        hostPort: i,
        localAddress: '10.0.0.2',
        localPort: 3260,
        targetAddress: '10.0.0.2',
        targetPort: 3260,
      },
      outlets: { toTarget: link.toTarget, toHost: { write() {}, end() {}, hold() {} } },
      now: () => (this.now += 1000),
      ...(this.gate === undefined ? {} : { writes: this.gate, gate: new StatusGate(this.gate.policy) }),
      unwatched: () => assert.fail('decoding failed'),
    });
    const host = new Connection(link);
    host.loginRequest(keysOf(i), { isid: i + 1 });
    link.deliver();
    host.loginAnswer();
    this.links.push(link);
    this.hosts.push(host);
  }
}

function keysOf(i: number): Bytes {
  return new TextEncoder().encode(
    `InitiatorName=${HOST}${i}\0TargetName=${TARGET}\0SessionType=Normal\0HeaderDigest=None\0DataDigest=None\0`,
  );
}
