import assert from 'node:assert/strict';
import { join } from 'node:path';
import { Room } from '../../src/buffer/room.ts';
import type { SenderAct } from '../../src/link/sender.ts';
import type { HistoryStore } from '../../src/unit/history/historyTypes.ts';
import { type FaultyDisk, quiet } from './journeyDisk.ts';
import type { Far } from './journeyFar.ts';
import { FarSide } from './journeyFarSide.ts';
import { LU, Near, type NearDisk, type NearWeather } from './journeyNear.ts';
import { FarTruth } from './journeyTruth.ts';
import { Wire } from './journeyWire.ts';
import { uuid } from './linkStore.ts';
import { OrderedBus } from './orderedBus.ts';
import { SIZE, text } from './orderedPieces.ts';

const REST_NS = 60_000_000_000n;
const MS = 1e6;

export interface WorldParts {
  below: (n: number) => number;
  /** A folder of this world's own. */
  root: string;
  disk: Pick<FaultyDisk, 'fails' | 'losePower'>;
  /** Lets timers that are due go off. */
  tick: (ms: number) => void;
  /** The volume shares an order with those of other worlds, and one process keeps them all. */
  shared?: SharedOrder;
}

export interface SharedOrder {
  /** The number before the first of the process. */
  readonly start: number;
  next(): number;
}

/**
 * Two units and a link: hosts that write, a tee with a record, a sender, connections that break and are replaced, a receiver,
 * and a store with a history on a disk that fails; either unit is killed or loses its power, the far volume is rolled back.
 * Asserts whenever the far volume says that it is consistent that it holds what the first volume held at one moment, that
 * bookmarks are theirs, that what was called durable is there after every crash, and at the end that all is equal.
 */
export class JourneyWorld {
  readonly #counts = {
    breaks: 0,
    nearKills: 0,
    nearPower: 0,
    resumed: 0,
    failed: 0,
  };
  readonly #parts: WorldParts;
  readonly #below: (n: number) => number;
  readonly #weather: NearWeather;
  readonly #bus: OrderedBus;
  readonly #truth: FarTruth;
  /** Numbers of the shared order, and the moments that they made. */
  readonly #stamps: [number: number, moment: number][] = [];
  #room: Room;
  #now = 0;
  #near!: Near;
  readonly #side: FarSide;
  #epochs = 0;
  /** By senders whose process was killed. */
  #elidedBefore = 0;
  readonly #wire: Wire;
  #faults = true;
  #running = false;

  constructor(parts: WorldParts) {
    const { below } = parts;
    this.#parts = parts;
    this.#below = below;
    const local = below(2) === 0;
    this.#weather = {
      doubts: below(3) > 0,
      plain: local,
      roomBytes: below(3) === 0 ? 1024 : 1 << 20,
      linkBytes: [128, 512, 1 << 20][below(3)],
      spillBytes: local ? [4096, 1 << 20][below(2)] : undefined,
    };
    this.#room = this.#newRoom();
    this.#bus = new OrderedBus(below, { ...this.#weather, tap: false }, this.#room, (change) => {
      if (parts.shared) {
        change.order = parts.shared.next();
        this.#stamps.push([change.order, this.#bus.moments.length - 1]);
      }
      this.#near.unit.push(change);
    });
    this.#truth = new FarTruth(this.#bus.moments);
    this.#side = new FarSide({
      ...parts,
      truth: this.#truth,
      now: () => this.#now,
      faults: () => this.#faults,
      epoch: () => uuid(2, this.#epochs),
      endSessions: () => {
        this.#wire.break();
        this.#wire.forget();
      },
    });
    this.#wire = new Wire({
      near: () => this.#near,
      far: () => this.#far,
      now: () => this.#now,
      below,
      faults: () => this.#faults,
    });
  }

  async run(steps: number): Promise<void> {
    await this.begin();
    for (let step = 0; step < steps; step++) await this.turn();
    await this.calmDown();
  }

  async begin(): Promise<void> {
    await this.#begin();
    if (this.#below(3) > 0) await this.calmDown();
  }

  async turn(): Promise<void> {
    for (let n = this.#below(10); n >= 0; n--) {
      await this.#act();
      this.#run();
    }
    await quiet();
    await this.#truth.check(this.#far.store);
  }

  get #far(): Far {
    return this.#side.far;
  }

  get counts(): Readonly<Record<string, number>> {
    const elidedBytes = this.#elidedBefore + (this.#near?.link.sender.elidedBytes ?? 0);
    return { ...this.#truth.counts, ...this.#counts, ...this.#side.counts, replaced: this.#wire.replaced, elidedBytes };
  }

  get store(): HistoryStore {
    return this.#far.store;
  }

  /** What the LU held once all of the shared order up to this number had happened, and nothing else. */
  momentAt(number: number): string {
    const [, moment] = this.#stamps.findLast(([one]) => one <= number) ?? [0, 0];
    return this.#bus.moments[moment];
  }

  /** A bookmark at this number, set for several worlds at once. */
  mark(name: string, order?: number): void {
    this.#truth.mark(name);
    this.#near.unit.mark(name, order);
    this.#run();
  }

  /** Everything up to this number has been pushed. */
  reach(number: number): void {
    this.#near.unit.reach(number);
    this.#run();
  }

  /** Every write that is under way ends. */
  drain(): void {
    while (this.#bus.open.length > 0) {
      this.#bus.land();
      this.#bus.end();
    }
  }

  /** The process of the near unit is killed, and the next one starts. */
  restart(power: boolean): Promise<void> {
    return this.#killNear(power);
  }

  async close(): Promise<void> {
    await this.#side.close();
    await this.#near?.close();
  }

  async #begin(): Promise<void> {
    await this.#side.begin(this.#bus.medium);
    await this.#startNear({ link: undefined, local: undefined, image: new Uint8Array(SIZE), boot: 0 });
  }

  #newRoom(): Room {
    return new Room({ bytes: this.#weather.roomBytes, threshold: 0.25, whenFull: 'lbn' });
  }

  async #startNear(disk: NearDisk): Promise<void> {
    this.#epochs++;
    this.#side.acked = 0;
    this.#near = await Near.open({
      bus: this.#bus,
      room: this.#room,
      weather: this.#weather,
      disk,
      spillPath: join(this.#parts.root, `spill-${this.#epochs}`),
      epoch: uuid(2, this.#epochs),
      ...(this.#parts.shared ? { order: this.#parts.shared.start } : {}),
      now: () => this.#now,
      below: this.#below,
      run: (near) => {
        if (near === this.#near) this.#run();
      },
      ...(this.#below(3) === 0 ? { limitBytesPerSecond: 200_000 } : {}),
    });
  }

  async #act(): Promise<void> {
    const below = this.#below;
    const dice = below(80);
    if (dice < 8) this.#write();
    else if (dice < 18) this.#bus.land();
    else if (dice < 28) this.#bus.end();
    else if (dice < 36) for (let n = below(6); n >= 0; n--) this.#near.progress();
    else if (dice < 52) this.#wire.deliver();
    else if (dice < 66) this.#far.begin(below(this.#far.due || 1));
    else if (dice < 69) this.#far.options.medium.step();
    else if (dice < 74) this.#pass(below(8) === 0 ? below(3000) : below(100));
    else if (dice < 76) this.#wire.connect();
    else if (dice === 76) this.mark(`m${this.#truth.marks + 1}`, this.#parts.shared?.next());
    else if (dice === 77 && below(4) === 0) await this.#truth.view(this.#far.store);
    else if (dice === 78 && below(2) === 0) await this.#fault();
    else if (dice === 79 && below(30) === 0) await this.calmDown();
    else if (dice === 79 && below(2) === 0) this.#outage();
  }

  #write(): void {
    const before = new Set(this.#bus.open);
    this.#bus.begin();
    for (const task of this.#bus.open) {
      if (before.has(task)) continue;
      for (const { offset, length } of task.pieces) this.#near.intent(offset, length);
    }
  }

  #pass(ms: number): void {
    const until = this.#now + ms * MS;
    if (until >= this.#near.orphansUntil) this.#bus.endOrphans();
    this.#now = until;
    this.#parts.tick(ms);
    this.#near.link.sender.tick(this.#now);
    for (const { receiver } of this.#far.sessions) receiver.tick(this.#now);
    this.#near.tick();
  }

  async #fault(): Promise<void> {
    switch (this.#below(10)) {
      case 0:
      case 1: {
        const power = this.#below(2) === 0;
        if (!this.#parts.shared) await this.#killNear(power);
        return;
      }
      case 2:
        await this.#side.kill(false);
        return;
      case 3:
        await this.#side.kill(true);
        return;
      case 4:
        if (this.#below(3) === 0) await this.#side.roll();
        return;
      case 5:
      case 6:
        this.#side.fill();
        return;
      default:
        this.#counts.breaks++;
        this.#wire.break();
    }
  }

  /** Hosts go on while there is no connection. */
  #outage(): void {
    this.#counts.breaks++;
    this.#wire.break();
    for (let n = this.#below(16); n >= 0; n--) {
      this.#write();
      this.drain();
      this.#pass(this.#below(100));
    }
    this.#pass(1000);
  }

  async #killNear(power: boolean): Promise<void> {
    this.#counts[power ? 'nearPower' : 'nearKills']++;
    const near = this.#near;
    this.#wire.break();
    await quiet();
    this.#elidedBefore += near.link.sender.elidedBytes;
    const disk = near.kill(power);
    this.#truth.loseUnseen();
    this.#room = this.#newRoom();
    this.#bus.killed(this.#room);
    await this.#startNear(disk);
  }

  #run(): void {
    if (this.#running) return;
    this.#running = true;
    let turns = 0;
    for (let more = true; more; turns++) {
      assert.ok(turns < 10_000, 'two machines that never come to rest');
      more = false;
      for (const act of this.#near.link.sender.take()) {
        more = true;
        this.#senderAct(act);
      }
      for (const session of this.#far.sessions) if (this.#far.run(session)) more = true;
    }
    this.#running = false;
    const session = this.#wire.session;
    if (!session?.over) return;
    // The last words arrive.
    session.down.deliver(1e9);
    if (this.#wire.session === session) this.#wire.break();
    this.#run();
  }

  #senderAct(act: SenderAct): void {
    const { link } = this.#near;
    switch (act.kind) {
      case 'send':
        this.#wire.session?.up.send(act.frame);
        return;
      case 'hangUp':
        this.#wire.break();
        return;
      case 'durable': {
        const place = this.#far.store.durable;
        assert.equal(place?.epoch, uuid(2, this.#epochs));
        this.#side.acked = Math.max(this.#side.acked, link.sender.durableNumber);
        assert.ok(place && place.number >= this.#side.acked, 'what is called durable is');
        break;
      }
      case 'up':
        this.#counts.resumed++;
        break;
      case 'failed':
        this.#counts.failed++;
        // Another store than it was: what was on its way to the one before is compared, and a bookmark is nobody's block.
        this.#truth.loseUnseen();
        break;
    }
    link.told(act);
  }

  /** Nothing fails, no host writes: everything comes to rest, and is equal. */
  async calmDown(): Promise<void> {
    this.#faults = false;
    const { medium } = this.#far.options;
    medium.letGo();
    this.#wire.forget();
    // Real files are at work below: on a busy machine their calls take many turns.
    const latest = process.hrtime.bigint() + REST_NS;
    for (let turn = 0; !this.#quiet(); turn++) {
      assert.ok(turn < 3000 || process.hrtime.bigint() < latest, `it does not come to rest: ${this.#words()}`);
      while (this.#bus.open.length > 0) {
        this.#bus.land();
        this.#bus.end();
      }
      for (let n = 0; n < 8; n++) this.#near.progress();
      if (!this.#wire.session) this.#wire.connect();
      this.#wire.deliver();
      for (let n = this.#far.due; n > 0; n--) this.#far.begin(0);
      if (turn % 3 === 0) this.#pass(turn % 9 === 0 ? 500 : 20);
      this.#run();
      await quiet();
      await this.#truth.check(this.#far.store);
    }
    await this.#equal();
    this.#faults = true;
    medium.open = false;
  }

  #quiet(): boolean {
    return this.#bus.open.length === 0 && this.#near.quiet && !this.#far.busy;
  }

  async #equal(): Promise<void> {
    const { store } = this.#far;
    const image = new Uint8Array(SIZE);
    await store.read(0, image);
    assert.equal(text(image), text(this.#bus.medium), 'the third volume is the first');
    assert.ok(store.consistent, 'and says so');
    if (this.#near.local)
      assert.equal(text(this.#near.local.bytes), text(this.#bus.medium), 'and so is the local mirror');
    assert.equal(this.#near.room.freeBytes, this.#near.room.bytes, 'every lease has come back');
    await this.#truth.allCame(store);
  }

  #words(): string {
    const states = this.#near.unit.arms.map(({ mirror }) => mirror.state).join(' ');
    const { sender } = this.#near.link;
    return `${LU} ${states}, up ${sender.up}, ${sender.durable} of ${sender.appended}, far due ${this.#far.due}, open ${this.#bus.open.length}`;
  }
}
