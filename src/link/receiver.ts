import { aboutFrame, type LinkAbout, readAbout } from '../../parsers/formats/linkAbout.ts';
import { readEntryPart } from '../../parsers/formats/linkEntry.ts';
import { type LinkFrame, LinkType, linkTypeName } from '../../parsers/formats/linkFrame.ts';
import {
  type Hello,
  type LinkCompression,
  type LinkFeature,
  type LinkHash,
  type Refusal,
  readHello,
  readWords,
  refuseFrame,
  wordsFrame,
} from '../../parsers/formats/linkGreeting.ts';
import {
  ackFrame,
  answerFrame,
  type LinkAnswer,
  pingFrame,
  readNumber,
  readQuestion,
  readThrough,
  resumeFrame,
} from '../../parsers/formats/linkRequests.ts';
import { Fault, type ParseFault } from '../base/fault.ts';
import { type AssembledEntry, EntryAssembler } from './assembler.ts';
import { beyond, type FarWork, isMany, ownQuestion } from './farWork.ts';
import { Flights } from './flights.ts';
import { welcomeTo } from './greeting.ts';
import { Pulse } from './pulse.ts';
import type { ReceiverAct, StoreFacts } from './receiverTypes.ts';
import { Retry } from './retry.ts';

/** Memory of entries that wait to be applied: beyond it nothing is read from the connection. */
const WAITING_MAX: number = 16 * 1024 * 1024;
/** What a question occupies beside its hashes. */
const QUESTION_COST = 128;

/**
 * The far end of a journey link, on one connection. It believes nothing that it has not checked: entries come with the number
 * that is due and lie within the volume, or the connection is refused with words. Entries are applied one after the other and
 * acknowledged once they are durable; a store that cannot take one is asked again for as long as the connection stands, and
 * both ends are told why. Times are nanoseconds of one monotonic clock.
 */
export class Receiver {
  readonly #compression: readonly LinkCompression[];
  readonly #pulse: Pulse;
  #acts: ReceiverAct[] = [];
  #state: 'new' | 'asked' | 'up' | 'over' = 'new';
  #hello: Hello | undefined;
  #assembler = new EntryAssembler(1);
  readonly #work: FarWork[] = [];
  /** Under way: entries, or a question. */
  #flights = new Flights(false);
  #asked: Extract<FarWork, { kind: 'question' }> | undefined;
  #syncing = false;
  readonly #appendAgain = new Retry();
  readonly #syncAgain = new Retry();
  #cost = 0;
  #bytes = 0;
  #applied = 0;
  #synced = 0;
  #unsyncedBytes = 0;
  #durable = 0;
  #paused: string | undefined;

  constructor(compression: readonly LinkCompression[], now: number) {
    this.#compression = compression;
    this.#pulse = new Pulse(now);
  }

  /** Who sends, once they have said so. */
  get hello(): Hello | undefined {
    return this.#hello;
  }

  get up(): boolean {
    return this.#state === 'up';
  }

  get appliedNumber(): number {
    return this.#applied;
  }

  get durableNumber(): number {
    return this.#durable;
  }

  /** Memory of what waits to be applied. */
  get waitingBytes(): number {
    return this.#cost;
  }

  get paused(): string | undefined {
    return this.#paused;
  }

  /** True while nothing more should be read from the connection. */
  get full(): boolean {
    return this.#cost > WAITING_MAX;
  }

  take(): ReceiverAct[] {
    const acts = this.#acts;
    this.#acts = [];
    return acts;
  }

  heard(now: number): void {
    this.#pulse.heard(now);
  }

  /**
   * The sender may send: it goes on behind the last entry of its epoch that is durable. `features`: only for one who speaks
   * version 2.
   */
  welcome(store: StoreFacts, hash: LinkHash, now: number, features?: readonly LinkFeature[]): void {
    if (this.#state !== 'asked' || !this.#hello) return;
    const { durable: place } = store;
    const number = place?.epoch === this.#hello.epoch ? place.number : 0;
    this.#state = 'up';
    this.#bytes = store.bytes;
    this.#applied = number;
    this.#synced = number;
    this.#durable = number;
    this.#assembler = new EntryAssembler(number + 1);
    this.#flights = new Flights(store.pipelined === true);
    this.#send(welcomeTo(store, { compression: this.#compression, hash, ...(features ? { features } : {}) }), now);
  }

  /** Tells a sender that has said something of its unit the same of this one. */
  about(about: LinkAbout, now: number): void {
    if (this.#state === 'up') this.#send(aboutFrame(about), now);
  }

  /** Nothing is taken from this sender. */
  refuse(refusal: Refusal, now: number): void {
    if (this.#state === 'over') return;
    this.#send(refuseFrame(refusal), now);
    this.#over(new Fault('peer', `refused: ${refusal.words}`, refusal.mend || undefined));
  }

  /** The unit ends. */
  bye(words: string, now: number): void {
    if (this.#state === 'over') return;
    this.#send(wordsFrame(LinkType.bye, { words, mend: '' }), now);
    this.#over(new Fault('local', words));
  }

  /** A frame from the sender, decompressed. */
  frame(type: LinkType, body: Uint8Array, now: number): void {
    if (this.#state === 'over') return;
    this.#pulse.heard(now);
    const fault = this.#state === 'up' ? this.#upFrame(type, body, now) : this.#greeting(type, body);
    if (fault !== undefined) this.#nonsense(fault, now);
  }

  /** An entry under way is what a read sees now. */
  appended(number: number, now: number): void {
    this.#flights.answer(number, 'done');
    this.#land(now);
  }

  /** Nothing of an entry under way counts, nor of those behind it: they are tried again. */
  notAppended(number: number, fault: Fault, now: number): void {
    this.#flights.answer(number, fault);
    this.#land(now);
  }

  answered(answer: LinkAnswer, now: number): void {
    const work = this.#asked;
    if (!work) return;
    this.#asked = undefined;
    this.#ended(work.cost);
    if (answer.kind === 'grew') this.#bytes = answer.bytes;
    if (this.#state === 'up') this.#send(answerFrame(work.id, answer), now);
    this.#sync();
    this.#next(now);
  }

  /** Everything applied before the sync began is durable. */
  synced(now: number): void {
    this.#syncing = false;
    this.#syncAgain.done();
    this.#durable = this.#synced;
    if (this.#state === 'up') this.#send(ackFrame(this.#durable), now);
    this.#goOn(now);
    this.#sync();
  }

  notSynced(fault: Fault, now: number): void {
    this.#syncAgain.failed(now);
    this.#stuck(fault, now);
  }

  tick(now: number): void {
    if (this.#state === 'over') return;
    // Who reads nothing hears nothing.
    if (this.full) this.#pulse.heard(now);
    switch (this.#pulse.beat(now)) {
      case 'dead':
        this.#over(new Fault('local', 'the sender has not been heard of for 20 s', undefined, { unreachable: true }));
        return;
      case 'ping':
        this.#send(pingFrame(LinkType.ping, 0), now);
        break;
    }
    if (this.#appendAgain.due(now)) for (const entry of this.#flights.again()) this.#append(entry);
    if (this.#syncAgain.due(now)) this.#acts.push({ kind: 'sync', number: this.#synced });
  }

  /** The connection is over: what has not been applied is dropped, and will be sent again. */
  closed(): void {
    this.#state = 'over';
    this.#work.length = 0;
    this.#cost = 0;
  }

  #greeting(type: LinkType, body: Uint8Array): ParseFault | string | undefined {
    // A sender that waits for its welcome may give signs of life.
    if (type === LinkType.ping || type === LinkType.pong) return undefined;
    if (type === LinkType.bye) return this.#farewell(body);
    if (this.#state !== 'new' || type !== LinkType.hello) return `${linkTypeName(type)} in place of a greeting`;
    const hello = readHello(body);
    if ('fault' in hello) return hello;
    this.#state = 'asked';
    this.#hello = hello;
    this.#acts.push({ kind: 'hello', hello });
    return undefined;
  }

  #upFrame(type: LinkType, body: Uint8Array, now: number): ParseFault | string | undefined {
    switch (type) {
      case LinkType.entry: {
        const part = readEntryPart(body);
        if ('fault' in part) return part;
        const entry = this.#assembler.take(part, body);
        if (typeof entry === 'string') return entry;
        if (entry) this.#add({ kind: 'entry', entry }, entry.cost, now);
        return undefined;
      }
      case LinkType.check:
      case LinkType.nodes:
      case LinkType.read:
      case LinkType.grow: {
        const asked = readQuestion(type, body);
        if ('fault' in asked) return asked;
        const { id } = asked;
        const question = ownQuestion(asked.question);
        const cost = QUESTION_COST + body.length;
        this.#add({ kind: 'question', id, question, cost }, cost, now);
        return undefined;
      }
      case LinkType.through: {
        const through = readThrough(body);
        if ('fault' in through) return through;
        this.#add({ kind: 'through', ...through, cost: QUESTION_COST }, QUESTION_COST, now);
        return undefined;
      }
      case LinkType.about: {
        const about = readAbout(body);
        if ('fault' in about) return about;
        this.#acts.push({ kind: 'about', about });
        return undefined;
      }
      case LinkType.ping: {
        const stamp = readNumber(body);
        if (typeof stamp !== 'number') return stamp;
        this.#send(pingFrame(LinkType.pong, stamp), now);
        return undefined;
      }
      case LinkType.pong:
        return undefined;
      case LinkType.bye:
        return this.#farewell(body);
      default:
        return `${linkTypeName(type)} from a sender`;
    }
  }

  #farewell(body: Uint8Array): ParseFault | undefined {
    const words = readWords(body);
    if ('fault' in words) return words;
    this.#over(new Fault('local', `the sender ended the connection: ${words.words}`));
    return undefined;
  }

  #add(work: FarWork, cost: number, now: number): void {
    this.#cost += cost;
    this.#work.push(work);
    this.#next(now);
  }

  /** Begins with the oldest work, where it may run beside what is under way. */
  #next(now: number): void {
    while (!this.#asked && this.#state === 'up') {
      const work = this.#work[0];
      if (!work || !(work.kind === 'entry' ? this.#flights.hasRoom : this.#flights.isEmpty)) return;
      this.#work.shift();
      const wrong = beyond(work, this.#applied, this.#bytes);
      if (wrong !== undefined) this.#nonsense(wrong, now);
      else if (work.kind === 'through') this.#through(work.order, work.cost);
      else if (work.kind === 'entry') {
        this.#flights.add(work.entry);
        this.#append(work.entry);
      } else {
        this.#asked = work;
        this.#acts.push({ kind: 'question', question: work.question });
      }
    }
  }

  /** Some entries under way have been answered for. */
  #land(now: number): void {
    for (let entry = this.#flights.landed(); entry; entry = this.#flights.landed()) {
      this.#ended(entry.cost);
      this.#applied = entry.number;
      this.#unsyncedBytes += entry.cost;
      this.#appendAgain.done();
      this.#goOn(now);
    }
    const fault = this.#state === 'up' ? this.#flights.failure() : undefined;
    if (!fault) {
      this.#sync();
      this.#next(now);
      return;
    }
    // What it follows was taken back by a failed flush: trying again does not help, resuming does.
    if (fault.blame === 'peer') {
      this.bye(fault.message, now);
      return;
    }
    this.#appendAgain.failed(now);
    this.#sync(true);
    this.#stuck(fault, now);
  }

  /** Needs no answer. */
  #through(order: number, cost: number): void {
    this.#cost -= cost;
    this.#acts.push({ kind: 'through', place: { epoch: this.#hello?.epoch ?? '', number: this.#applied }, order });
    // What was applied before may have waited for this.
    this.#sync();
  }

  #append({ number, entry, bodies }: AssembledEntry): void {
    const epoch = this.#hello?.epoch ?? '';
    this.#acts.push({ kind: 'append', place: { epoch, number }, entry, bodies });
  }

  #ended(cost: number): void {
    // What was dropped at the end has been taken off already.
    if (this.#state === 'up') this.#cost -= cost;
  }

  /** `now`: what comes next may take long. */
  #sync(now = false): void {
    if (this.#syncing || this.#applied === this.#synced || this.#state !== 'up') return;
    const many = isMany(this.#applied - this.#synced, this.#unsyncedBytes);
    const more = this.#work.length > 0 || !this.#flights.isEmpty;
    if (!now && !many && more) return;
    this.#unsyncedBytes = 0;
    this.#syncing = true;
    this.#synced = this.#applied;
    this.#acts.push({ kind: 'sync', number: this.#synced });
  }

  #stuck(fault: Fault, now: number): void {
    if (this.#state !== 'up' || this.#paused === fault.message) return;
    this.#paused = fault.message;
    const mend = fault.mend ?? '';
    this.#acts.push({ kind: 'notice', text: `changes wait: ${fault.message}${mend && ` (${mend})`}` });
    this.#send(wordsFrame(LinkType.pause, { words: fault.message, mend }), now);
  }

  #goOn(now: number): void {
    if (this.#paused === undefined || this.#appendAgain.waiting || this.#syncAgain.waiting) return;
    this.#paused = undefined;
    if (this.#state !== 'up') return;
    this.#acts.push({ kind: 'notice', text: 'changes are applied again' });
    this.#send(resumeFrame(), now);
  }

  #nonsense(what: ParseFault | string, now: number): void {
    const words = typeof what === 'string' ? what : what.reason;
    this.refuse({ words, mend: 'see that both units are of one version', again: false }, now);
  }

  #send(frame: LinkFrame, now: number): void {
    this.#pulse.sent(now);
    this.#acts.push({ kind: 'send', frame });
  }

  #over(fault: Fault): void {
    this.#acts.push({ kind: 'hangUp', fault });
    this.closed();
  }
}
