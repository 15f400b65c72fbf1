import assert from 'node:assert/strict';
import type { LinkAnswer, LinkQuestion } from '../../parsers/formats/linkRequests.ts';
import type { ReceivedFrame } from '../../parsers/formats/linkSplitter.ts';
import { copyOf } from '../../src/base/bytes.ts';
import type { Piece } from '../../src/base/change.ts';
import { Fault } from '../../src/base/fault.ts';
import type { Volume, VolumeIdentity } from '../../src/base/volume.ts';
import { ChunkHasher, compareChunk } from '../../src/link/checks.ts';
import { answerHello } from '../../src/link/greeting.ts';
import { Receiver } from '../../src/link/receiver.ts';
import type { ReceiverAct } from '../../src/link/receiverTypes.ts';
import { openHistoryStore } from '../../src/unit/history/historyStore.ts';
import type { HistoryStore } from '../../src/unit/history/historyTypes.ts';
import { lending, Way } from './linkWay.ts';
import { BLOCK, put, SIZE } from './orderedPieces.ts';

const HASHER = new ChunkHasher('sha256');

/** A medium in memory whose writes land piece by piece, when the world says so, and are lost in a power loss until a flush. */
export class FarMedium implements Volume {
  readonly blockSize: number = BLOCK;
  readonly down = false;
  readonly bytes: Uint8Array;
  readonly #durable: Uint8Array;
  readonly #waiting: (() => void)[] = [];
  /** Nothing waits. */
  open = false;
  fails: (() => boolean) | undefined;

  constructor(bytes: Uint8Array) {
    this.bytes = copyOf(bytes);
    this.#durable = copyOf(bytes);
  }

  get blocks(): number {
    return SIZE / BLOCK;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  identity(): VolumeIdentity {
    return { kind: 'memory', id: 'third' };
  }

  async read(offset: number, into: Uint8Array): Promise<void> {
    into.set(this.bytes.subarray(offset, offset + into.length));
  }

  async writev(pieces: readonly Piece[]): Promise<void> {
    for (const piece of pieces) {
      await this.#turn();
      put(this.bytes, piece);
    }
  }

  zero(offset: number, length: number): Promise<void> {
    return this.writev([{ offset, length, payload: 'zeros' }]);
  }

  unmap(offset: number, length: number): Promise<void> {
    return this.zero(offset, length);
  }

  async flush(): Promise<void> {
    await this.#turn();
    this.#durable.set(this.bytes);
  }

  /** One piece more lands. */
  step(): void {
    this.#waiting.shift()?.();
  }

  letGo(): void {
    this.open = true;
    while (this.#waiting.length > 0) this.step();
  }

  /** As it is found later. */
  left(power: boolean, below: (n: number) => number): FarMedium {
    if (!power) return new FarMedium(this.bytes);
    const bytes = copyOf(this.#durable);
    for (let at = 0; at < SIZE; at += BLOCK) {
      if (below(2) === 0) bytes.set(this.bytes.subarray(at, at + BLOCK), at);
    }
    return new FarMedium(bytes);
  }

  async grow(): Promise<void> {}
  async revive(): Promise<void> {}
  onSizeChange(): void {}
  async close(): Promise<void> {}

  async #turn(): Promise<void> {
    if (!this.open) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    if (this.fails?.()) throw new Fault('local', 'no space left on the third volume');
  }
}

/** One connection at the far unit. */
export interface Session {
  readonly receiver: Receiver;
  readonly up: Way;
  readonly down: Way;
  /** Calls of the store that have not ended. */
  calls: number;
  over: boolean;
  before: Session | undefined;
  /** The store's when it was welcomed. */
  incarnation: string | undefined;
}

export interface FarOptions {
  folder: string;
  medium: FarMedium;
  windowNs: bigint;
  bytes: number;
  segmentBytes: number;
  /** From where on writes of the queue pass the system's cache by. */
  directFrom: number;
  now: () => number;
  below: (n: number) => number;
  /** The store may hold something new. */
  changed: () => void;
  notice: (text: string) => void;
}

/** One process of the unit at the third volume's side: its sessions and the store. Calls of the store begin when the world says so. */
export class Far {
  readonly store: HistoryStore;
  readonly options: FarOptions;
  readonly sessions = new Set<Session>();
  readonly #due: { session: Session; run: () => void; append?: boolean }[] = [];
  #holder: Session | undefined;
  dead = false;

  private constructor(options: FarOptions, store: HistoryStore) {
    this.options = options;
    this.store = store;
  }

  static async open(options: FarOptions): Promise<Far> {
    const { folder, medium, windowNs, bytes, segmentBytes, directFrom } = options;
    // A fold that was under way is finished at opening.
    medium.open = true;
    const { notice } = options;
    const queue = { windowNs, bytes, segmentBytes, directFrom };
    const store = await openHistoryStore({ folder, base: medium, ...queue, notice });
    medium.open = false;
    return new Far(options, store);
  }

  get busy(): boolean {
    return this.#due.length > 0 || [...this.sessions].some(({ calls }) => calls > 0);
  }

  /** A connection arrives; `taken` is what the sender does with a frame. */
  accept(taken: (frame: ReceivedFrame) => void): Session {
    const receiver = new Receiver([], this.options.now());
    const session: Session = {
      receiver,
      up: new Way(lending(({ type, body }) => receiver.frame(type, body, this.options.now()))),
      down: new Way(taken),
      calls: 0,
      over: false,
      before: undefined,
      incarnation: undefined,
    };
    this.sessions.add(session);
    return session;
  }

  /** A call that was asked for begins. */
  begin(at: number): void {
    // Entries are applied in the order in which they were given.
    const first = this.#due[at]?.append ? this.#due.findIndex(({ append }) => append) : at;
    const [job] = this.#due.splice(first, 1);
    job?.run();
  }

  get due(): number {
    return this.#due.length;
  }

  closed(session: Session): void {
    session.receiver.closed();
    this.#over(session);
  }

  /** What the receiver of a session wants done; false when that is nothing. */
  run(session: Session): boolean {
    const acts = session.receiver.take();
    for (const act of acts) this.#act(session, act);
    return acts.length > 0;
  }

  #act(session: Session, act: ReceiverAct): void {
    const { receiver } = session;
    const { now } = this.options;
    const { store } = this;
    switch (act.kind) {
      case 'send':
        if (!session.over) session.down.send(act.frame);
        return;
      case 'hello': {
        const hash = answerHello(act.hello, { blockSize: BLOCK });
        assert.ok(typeof hash === 'string');
        const holder = this.#holder;
        if (holder && !holder.over) {
          holder.receiver.bye('the unit has connected anew', now());
          this.run(holder);
        }
        session.before = holder;
        this.#holder = session;
        const greet = (): void => {
          if (session.over) return;
          if (this.#atWork(session.before)) {
            this.#due.push({ session, run: greet });
            return;
          }
          this.#call(session, () => store.sync(), {
            done: () => {
              session.incarnation = store.incarnation;
              receiver.welcome(store, hash, now(), ['order']);
            },
            failed: ({ message }) => receiver.refuse({ words: message, mend: '', again: true }, now()),
          });
        };
        this.#due.push({ session, run: greet });
        return;
      }
      case 'append': {
        const { number } = act.place;
        const ends = {
          done: () => receiver.appended(number, now()),
          failed: (fault: Fault) => receiver.notAppended(number, fault, now()),
        };
        this.#later(session, () => store.append(act.place, act.entry), ends, true);
        return;
      }
      case 'through':
        if (session.incarnation === store.incarnation) store.through(act.place, act.order);
        return;
      case 'sync':
        this.#later(session, () => store.sync(), {
          done: () => {
            // What a failed store has taken back is to be sent anew.
            const { durable } = store;
            const kept = act.number === 0 || (durable?.epoch === receiver.hello?.epoch && durable !== undefined);
            if (kept && (durable?.number ?? 0) >= act.number) receiver.synced(now());
            else receiver.bye('changes that were not durable yet have been taken back', now());
          },
          failed: (fault) => receiver.notSynced(fault, now()),
        });
        return;
      case 'question':
        this.#later(session, () => this.#answer(act.question), {
          done: (answer) => receiver.answered(answer, now()),
          failed: ({ message }) => receiver.answered({ kind: 'failed', words: message, mend: '' }, now()),
        });
        return;
      case 'hangUp':
        this.#over(session);
    }
  }

  #over(session: Session): void {
    session.over = true;
    // A welcome that nobody waits for any more.
    for (let at = this.#due.length - 1; at >= 0; at--) {
      if (this.#due[at].session === session && session.calls === 0) this.#due.splice(at, 1);
    }
    if (!this.#atWork(session)) this.sessions.delete(session);
  }

  #atWork(session: Session | undefined): boolean {
    for (let one = session; one; one = one.before) if (one.calls > 0) return true;
    return false;
  }

  async #answer(question: LinkQuestion): Promise<LinkAnswer> {
    assert.equal(question.kind, 'check');
    if (question.kind !== 'check') throw new Fault('bug', 'nothing else is asked');
    const bytes = new Uint8Array(question.length);
    await this.store.read(question.offset, bytes);
    return compareChunk(question, HASHER.chunk(bytes));
  }

  #later<T>(session: Session, start: () => Promise<T>, ends: Ends<T>, append = false): void {
    session.calls++;
    this.#due.push({
      session,
      append,
      run: () => {
        session.calls--;
        this.#call(session, start, ends);
      },
    });
  }

  #call<T>(session: Session, start: () => Promise<T>, { done, failed }: Ends<T>): void {
    session.calls++;
    const ended = (tell: () => void): void => {
      session.calls--;
      if (this.dead) return;
      const moved = session.incarnation !== undefined && session.incarnation !== this.store.incarnation;
      if (moved) session.receiver.bye('the volume here is another one now', this.options.now());
      else tell();
      this.run(session);
      this.options.changed();
    };
    start().then(
      (value) => ended(() => done(value)),
      (fault: Fault) => ended(() => failed(fault)),
    );
  }
}

interface Ends<T> {
  done: (value: T) => void;
  failed: (fault: Fault) => void;
}
