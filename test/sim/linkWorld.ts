import assert from 'node:assert/strict';
import { CHECK_PAGE, type LinkAnswer, type LinkQuestion } from '../../parsers/formats/linkRequests.ts';
import { copyOf } from '../../src/base/bytes.ts';
import { Fault } from '../../src/base/fault.ts';
import type { EntryPlace, OrderedEntry } from '../../src/base/ordered.ts';
import { compareChunk } from '../../src/link/checks.ts';
import { answerHello } from '../../src/link/greeting.ts';
import { Receiver } from '../../src/link/receiver.ts';
import type { ReceiverAct } from '../../src/link/receiverTypes.ts';
import { Sender } from '../../src/link/sender.ts';
import type { SenderAct } from '../../src/link/senderTypes.ts';
import type { Random } from '../fuzz/random.ts';
import { applyPiece } from '../kit/farStore.ts';
import { type Asked, assertTold, HASHER, someEntry } from './linkMatter.ts';
import { SimStore, uuid, VOLUME } from './linkStore.ts';
import { LinkTruth } from './linkTruth.ts';
import { lending, Way } from './linkWay.ts';

interface Connection {
  up: Way;
  down: Way;
  receiver: Receiver;
}

/** A call of the store that has not ended. */
interface Call {
  kind: 'append' | 'sync' | 'question' | 'greet';
  end: (fault: Fault | undefined) => void;
}

/**
 * A sender, a receiver and a store, with a connection that breaks at any byte, a store that fails and crashes, and processes
 * that are killed; time and chance come from the seed. What the ends promise is asserted as they go on.
 */
export class LinkWorld {
  readonly #random: Random;
  #now = 0;
  #sender: Sender;
  #epochs = 0;
  #connection: Connection | undefined;
  readonly #calls: Call[] = [];
  #store = new SimStore();
  /** Since the sender met it. */
  #replaced = false;
  /** What the volume will be once everything appended has been applied. */
  #image = new Uint8Array(VOLUME);
  #fresh = true;
  #stamp = 0n;
  #ids = 0;
  /** What came of each number of the present epoch, and what was appended. */
  #told = new LinkTruth();
  readonly #pending = new Set<number>();
  readonly #asked = new Map<number, Asked>();
  readonly counts = { durable: 0, failed: 0, answered: 0, breaks: 0, crashes: 0, resumed: 0, joined: 0 };
  #faults = true;

  constructor(random: Random) {
    this.#random = random;
    this.#sender = this.#newSender();
  }

  /** Something happens. */
  step(): void {
    const random = this.#random;
    this.#now += random.below(200) * 1e6;
    switch (random.below(20)) {
      case 0:
      case 1:
      case 2:
      case 3:
        this.#append();
        break;
      case 4:
        this.#ask();
        break;
      case 5:
        this.#tick();
        break;
      case 6:
        if (!this.#connection) this.#connect();
        break;
      case 7:
        if (random.chance(4)) this.#fault();
        break;
      case 8:
      case 9:
      case 10:
      case 11:
        this.#endCall();
        break;
      default:
        this.#deliver(random.chance(3) ? random.between(1, 40) : random.between(1, 20_000));
    }
    this.#run();
  }

  /** Nothing fails any more: everything that was appended becomes durable, and the store holds what it should. */
  heal(): void {
    this.#faults = false;
    for (let n = 0; n < 20_000; n++) {
      if (this.#pending.size === 0 && this.#asked.size === 0 && this.#sender.up && this.#calls.length === 0) break;
      this.#now += 50e6;
      if (!this.#connection) this.#connect();
      this.#tick();
      this.#deliver(1e6);
      this.#endCall();
      this.#run();
    }
    assert.equal(this.#pending.size, 0, 'everything is durable in the end');
    assert.equal(this.#asked.size, 0, 'everything is answered in the end');
    assert.ok(Buffer.compare(this.#store.held.bytes, this.#image) === 0, 'the store holds what was sent');
    assert.ok(Buffer.compare(this.#store.durable.bytes, this.#image) === 0, 'and will after a power loss');
  }

  #newSender(): Sender {
    this.#epochs++;
    this.#fresh = true;
    return new Sender({
      volume: 'v',
      unit: 'u',
      epoch: uuid(2, this.#epochs),
      isOurs: () => true,
      bytes: VOLUME,
      blockSize: 512,
      compression: [],
      hashes: ['sha256'],
      // A narrow link has small frames: entries come in parts.
      ...(this.#epochs % 2 === 0 ? { limitBytesPerSecond: 60_000 } : {}),
    });
  }

  #append(): void {
    // Once in a while: it fails at once.
    if (this.#sender.fault && !this.#random.chance(20)) return;
    const entry = someEntry(this.#random, ++this.#stamp);
    const id = ++this.#ids;
    const refused = this.#sender.fault !== undefined;
    this.#sender.append(id, entry, this.#now);
    this.#pending.add(id);
    if (refused) return;
    this.#told.appended(id, entry);
    if (!('pieces' in entry)) return;
    for (const piece of entry.pieces) {
      applyPiece(this.#image, piece);
      for (const { touched } of this.#asked.values()) {
        for (let at = piece.offset; at < piece.offset + piece.length; at++) touched.add(Math.floor(at / CHECK_PAGE));
      }
    }
  }

  #ask(): void {
    if (this.#sender.fault) return;
    const random = this.#random;
    const own = copyOf(this.#image);
    for (let n = random.below(4); n > 0; n--) own[random.below(VOLUME)] ^= 1;
    const id = ++this.#ids;
    this.#asked.set(id, { own, expected: copyOf(this.#image), touched: new Set() });
    const sums = HASHER.chunk(own);
    const coarse = random.chance(2);
    const hashes = coarse ? sums.whole : sums.groups;
    this.#sender.ask(id, { kind: 'check', offset: 0, length: VOLUME, coarse, hashes }, this.#now);
  }

  #connect(): void {
    const receiver = new Receiver([], this.#now);
    const connection: Connection = {
      receiver,
      up: new Way(lending(({ type, body }) => receiver.frame(type, body, this.#now))),
      down: new Way(({ type, body }) => {
        if (this.#connection === connection) this.#sender.frame(type, body, this.#now);
      }),
    };
    this.#connection = connection;
    if (this.#sender.fault) {
      this.#sender.forgive();
      this.#fresh = true;
    }
    this.#sender.opened(this.#now);
  }

  #break(): void {
    const connection = this.#connection;
    if (!connection) return;
    this.counts.breaks++;
    this.#connection = undefined;
    // Some of it may have arrived all the same.
    if (this.#random.chance(2)) connection.up.deliver(this.#random.below(connection.up.waiting + 1));
    this.#runReceiver(connection);
    connection.receiver.closed();
    this.#sender.broken();
  }

  #fault(): void {
    const random = this.#random;
    switch (random.below(6)) {
      case 0:
        this.#crash();
        return;
      case 1:
        // The sender's process is killed: what it had appended is nobody's any more.
        this.#break();
        this.#pending.clear();
        this.#asked.clear();
        this.#sender = this.#newSender();
        return;
      case 2:
        if (!random.chance(4)) return;
        this.#crash();
        this.#store = new SimStore();
        this.#replaced = true;
        return;
      default:
        this.#break();
    }
  }

  /** The receiver's process is killed, and the machine loses what was not synced. */
  #crash(): void {
    this.counts.crashes++;
    this.#break();
    this.#calls.length = 0;
    this.#store.crash();
  }

  #tick(): void {
    this.#sender.tick(this.#now);
    this.#connection?.receiver.tick(this.#now);
  }

  #deliver(count: number): void {
    const connection = this.#connection;
    if (!connection) return;
    if (this.#faults && this.#random.chance(2)) connection.down.deliver(count);
    else {
      if (!connection.receiver.full) this.#sender.written(connection.up.deliver(count), this.#now);
      if (!this.#faults) connection.down.deliver(count);
    }
  }

  #endCall(): void {
    const at = this.#random.below(this.#calls.length || 1);
    const [call] = this.#calls.splice(this.#faults ? at : 0, 1);
    if (!call) return;
    const fails = this.#faults && call.kind !== 'question' && this.#random.chance(8);
    call.end(fails ? new Fault('local', 'the disk is full', 'make room') : undefined);
  }

  #run(): void {
    const connection = this.#connection;
    for (let more = true; more; ) {
      more = false;
      for (const act of this.#sender.take()) {
        more = true;
        this.#senderAct(act);
      }
      if (connection && this.#runReceiver(connection)) more = true;
    }
  }

  #runReceiver(connection: Connection): boolean {
    const acts = connection.receiver.take();
    for (const act of acts) this.#receiverAct(connection, act);
    return acts.length > 0;
  }

  #senderAct(act: SenderAct): void {
    switch (act.kind) {
      case 'send':
        this.#connection?.up.send(act.frame);
        return;
      case 'durable': {
        this.#pending.delete(act.id);
        this.counts.durable++;
        const { place } = this.#store.durable;
        assert.ok(place?.epoch === uuid(2, this.#epochs), 'durable is durable');
        this.#told.durable(act.id, place.number);
        return;
      }
      case 'failed':
        assert.ok(this.#sender.fault, 'nothing fails alone');
        this.counts.failed++;
        this.#pending.delete(act.id);
        this.#asked.delete(act.id);
        return;
      case 'answer':
        this.#answered(act.id, act.answer);
        return;
      case 'up':
        this.counts.resumed++;
        this.#replaced = false;
        if (!this.#fresh) return;
        this.#fresh = false;
        assert.equal(this.#pending.size, 0);
        this.#image = copyOf(this.#store.held.bytes);
        this.#told.begin(this.#store.held.bytes, this.#sender.durableNumber);
        return;
      case 'hangUp':
        assert.ok(act.again || this.#replaced, act.fault.message);
        this.#break();
    }
  }

  #answered(id: number, answer: LinkAnswer): void {
    const asked = this.#asked.get(id);
    assert.ok(asked, 'an answer to what was asked');
    this.#asked.delete(id);
    this.counts.answered++;
    assertTold(asked, answer);
  }

  #receiverAct(connection: Connection, act: ReceiverAct): void {
    const { receiver } = connection;
    const call = (kind: Call['kind'], end: (fault: Fault | undefined) => void): void =>
      void this.#calls.push({ kind, end });
    switch (act.kind) {
      case 'send':
        if (this.#connection === connection) connection.down.send(act.frame);
        return;
      case 'hello': {
        const hash = answerHello(act.hello, { blockSize: 512 });
        assert.ok(typeof hash === 'string');
        // Not before an older connection has left the store alone.
        const greet = (fault: Fault | undefined): void => {
          if (this.#calls.some(({ kind }) => kind !== 'greet')) {
            call('greet', greet);
            return;
          }
          if (this.#connection !== connection) return;
          if (fault) receiver.refuse({ words: fault.message, mend: '', again: true }, this.#now);
          else {
            this.#store.syncing()();
            receiver.welcome(this.#store.facts, hash, this.#now);
          }
          this.#runReceiver(connection);
        };
        call('greet', greet);
        return;
      }
      case 'append':
        call('append', (fault) => {
          if (fault) receiver.notAppended(act.place.number, fault, this.#now);
          else {
            this.#apply(act.place, act.entry);
            receiver.appended(act.place.number, this.#now);
          }
          this.#runReceiver(connection);
        });
        return;
      case 'sync': {
        const done = this.#store.syncing();
        call('sync', (fault) => {
          if (fault) receiver.notSynced(fault, this.#now);
          else {
            done();
            receiver.synced(this.#now);
          }
          this.#runReceiver(connection);
        });
        return;
      }
      case 'question':
        call('question', () => {
          receiver.answered(this.#answer(act.question), this.#now);
          this.#runReceiver(connection);
        });
        return;
      case 'hangUp':
        if (this.#connection === connection) {
          // The last words arrive.
          connection.down.deliver(1e9);
          this.#break();
        }
    }
  }

  #answer(question: LinkQuestion): LinkAnswer {
    assert.equal(question.kind, 'check');
    return question.kind === 'check'
      ? compareChunk(question, HASHER.chunk(this.#store.held.bytes))
      : { kind: 'grew', bytes: 0 };
  }

  #apply(place: EntryPlace, entry: OrderedEntry): void {
    this.#store.apply(place, entry);
    if (place.epoch !== uuid(2, this.#epochs)) return;
    this.counts.joined += this.#told.applied(place.number, entry, this.#store.held.bytes) - 1;
  }
}
