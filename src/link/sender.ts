import { aboutFrame } from '../../parsers/formats/linkAbout.ts';
import { type LinkFrame, LinkType } from '../../parsers/formats/linkFrame.ts';
import { helloFrame, type Refusal, type Welcome, wordsFrame } from '../../parsers/formats/linkGreeting.ts';
import { type LinkAnswer, type LinkQuestion, pingFrame, throughFrame } from '../../parsers/formats/linkRequests.ts';
import type { Fault, ParseFault } from '../base/fault.ts';
import type { OrderedEntry } from '../base/ordered.ts';
import { FarEnd } from './farEnd.ts';
import { type Heard, hear, hearGreeting } from './heard.ts';
import { Outflow } from './outflow.ts';
import { Pulse } from './pulse.ts';
import { RoundTrip } from './roundTrip.ts';
import { pieceBytes, wrongEntry } from './runs.ts';
import { ended, lacking, NO_TABLES, nonsense, notMet, pausedText, refused, silent, tooLarge } from './senderFaults.ts';
import type { SenderAct, SenderOptions } from './senderTypes.ts';
import { isOpen, SendQueue, type SentEntry } from './sendQueue.ts';

export type { SenderAct, SenderOptions };

const NONE: readonly number[] = [];

/**
 * The near end of a journey link, without a connection of its own. It keeps entries until the far end says that they are
 * durable there, and brings every new connection to the first one that is not. Questions stand in the same order. Entries are
 * numbered as they are first sent: those that had to wait until then may be one by that time (`elide`).
 *
 * A connection that breaks costs nothing. What was appended fails only when the far end refuses the volume for good, or is
 * not the one any more that it was, or has lost what it had called durable: then everything fails at once, and so does what
 * comes until `forgive`. Times are nanoseconds of one monotonic clock.
 */
export class Sender {
  readonly #options: SenderOptions;
  readonly #queue = new SendQueue();
  readonly #outflow: Outflow;
  #acts: SenderAct[] = [];
  #state: 'away' | 'greeting' | 'up' = 'away';
  #fault: Fault | undefined = notMet();
  #pulse = new Pulse(0);
  readonly #far: FarEnd;
  #appended = 0;
  #landed = 0;
  /** The number of the last entry that is durable. */
  #durable = 0;
  #waiting = 0;
  #entryBytes = 0;
  #paused: string | undefined;
  readonly #roundTrip = new RoundTrip();
  /** What was said last of the shared order, and whether this connection has been told. */
  #through: { order: number; told: boolean } | undefined;

  constructor(options: SenderOptions) {
    const { limitBytesPerSecond, epoch, isOurs } = options;
    this.#options = options;
    this.#far = new FarEnd(epoch, isOurs);
    this.#outflow = new Outflow(this.#queue, limitBytesPerSecond);
  }

  get up(): boolean {
    return this.#state === 'up';
  }

  /** Why everything fails; undefined while it does not. */
  get fault(): Fault | undefined {
    return this.#fault;
  }

  /** What the far end said of itself last. */
  get far(): FarEnd {
    return this.#far;
  }

  /** How many entries were appended, how many of them were sent, and how many are durable. */
  get appended(): number {
    return this.#appended;
  }

  get sent(): number {
    return this.#outflow.sentEntries;
  }

  get durable(): number {
    return this.#landed;
  }

  /** The number of the last that is durable, as the far end counts what it is sent. */
  get durableNumber(): number {
    return this.#durable;
  }

  /** Bytes of entries that are appended and not durable, and of all that ever were. */
  get waitingBytes(): number {
    return this.#waiting;
  }

  get entryBytes(): number {
    return this.#entryBytes;
  }

  /** Bytes that were not sent, as later entries had written over them before. */
  get elidedBytes(): number {
    return this.#outflow.elidedBytes;
  }

  get paused(): string | undefined {
    return this.#paused;
  }

  get roundTripMs(): number | undefined {
    return this.#roundTrip.ms;
  }

  /** True while something could be sent were it not for the limit: `tick` soon. */
  get short(): boolean {
    return this.#state === 'up' && this.#outflow.short;
  }

  take(): SenderAct[] {
    const acts = this.#acts;
    this.#acts = [];
    return acts;
  }

  /** The entry's bytes must not change before `durable` or `failed`. */
  append(id: number, entry: OrderedEntry, now: number): void {
    const bytes = 'pieces' in entry ? pieceBytes(entry.pieces) : 0;
    const most = this.#far.welcome?.entryBytesMax ?? Number.POSITIVE_INFINITY;
    const fault = this.#fault ?? wrongEntry(entry);
    if (fault) {
      this.#acts.push({ kind: 'failed', id, fault });
      return;
    }
    this.#appended++;
    this.#waiting += bytes;
    this.#entryBytes += bytes;
    this.#queue.push({
      kind: 'entry',
      id,
      earlier: NONE,
      last: this.#appended,
      number: 0,
      since: now,
      entry,
      bytes,
      appendedBytes: bytes,
    });
    if (bytes > most) {
      const large = tooLarge(bytes, most);
      this.#fail(large);
      this.#hangUp(large, false);
    } else this.#fill(now);
  }

  /** Everything up to this number of the shared order has been appended. */
  through(order: number, now: number): void {
    this.#through = { order, told: false };
    this.#fill(now);
  }

  ask(id: number, question: LinkQuestion, now: number): void {
    if (this.#fault) {
      this.#acts.push({ kind: 'failed', id, fault: this.#fault });
      return;
    }
    this.#queue.push({ kind: 'question', id, question, state: 'open' });
    this.#fill(now);
  }

  /** Nobody waits for the answer any more. */
  forget(id: number): void {
    const question = this.#queue.question(id);
    if (question) question.state = 'forgotten';
  }

  /** A connection stands. */
  opened(now: number): void {
    const { volume, unit, epoch, bytes, blockSize, compression, hashes } = this.#options;
    this.#state = 'greeting';
    this.#pulse = new Pulse(now);
    const known = { durable: this.#durable, incarnation: this.#far.welcome?.incarnation };
    const hello = { volume, unit, epoch, ...known, bytes, blockSize, compression, hashes };
    this.#send(helloFrame(hello), now);
  }

  /** It is over; nothing that was handed to it is borrowed any more. */
  broken(): void {
    this.#state = 'away';
    this.#outflow.restart();
    this.#paused = undefined;
  }

  heard(now: number): void {
    this.#pulse.heard(now);
  }

  /** `bytes` of frames' bodies, as they were handed over, have left. */
  written(bytes: number, now: number): void {
    this.#outflow.left(bytes);
    this.#fill(now);
  }

  /** A frame became so much shorter on the wire. */
  saved(bytes: number): void {
    this.#outflow.saved(bytes);
  }

  tick(now: number): void {
    if (this.#state === 'away') return;
    switch (this.#pulse.beat(now)) {
      case 'dead':
        this.#hangUp(silent(), true);
        return;
      case 'ping':
        this.#send(pingFrame(LinkType.ping, this.#roundTrip.stamp(now)), now);
        break;
    }
    this.#fill(now);
  }

  /** What failed has been taken note of: the next welcome is believed, whatever the far end is then. */
  forgive(): void {
    if (this.#fault) this.#far.forget();
  }

  /** Everything fails with this, for good. */
  close(fault: Fault, now: number): void {
    this.#bye(fault.message, now);
    this.#fail(fault);
  }

  /** A frame from the far end, decompressed. */
  frame(type: LinkType, body: Uint8Array, now: number): void {
    if (this.#state === 'away') return;
    this.#pulse.heard(now);
    const heard = this.#state === 'greeting' ? hearGreeting(type, body) : hear(type, body);
    const fault = typeof heard === 'string' || 'fault' in heard ? heard : this.#heard(heard, now);
    if (fault !== undefined) this.#nonsense(fault, now);
  }

  #heard(heard: Heard, now: number): string | undefined {
    switch (heard.kind) {
      case 'welcome':
        this.#meet(heard.welcome, now);
        return undefined;
      case 'ack':
        return this.#acknowledged(heard.number, now);
      case 'answer':
        return this.#answered(heard.id, heard.answer, now);
      case 'pause':
        this.#paused = heard.words.words;
        this.#acts.push({ kind: 'notice', text: pausedText(heard.words) });
        return undefined;
      case 'resume':
        if (this.#paused !== undefined) this.#acts.push({ kind: 'notice', text: 'the far end goes on' });
        this.#paused = undefined;
        return undefined;
      case 'ping':
        this.#send(pingFrame(LinkType.pong, heard.stamp), now);
        return undefined;
      case 'pong':
        this.#roundTrip.back(heard.stamp, now);
        return undefined;
      case 'about':
        this.#acts.push({ kind: 'about', about: heard.about });
        return undefined;
      case 'refuse':
        this.#refused(heard.refusal);
        return undefined;
      case 'bye':
        this.#hangUp(ended(heard.words.words), true);
        return undefined;
      case 'alive':
        return undefined;
    }
  }

  #meet(welcome: Welcome, now: number): void {
    const { about } = this.#options;
    const before = this.#far.welcome;
    const lost = this.#far.meet(welcome, this.#durable, this.#outflow.sent);
    if (lost !== undefined) {
      const fault = lacking(lost);
      this.#bye(lost, now);
      this.#fail(fault);
      this.#hangUp(fault, false);
      return;
    }
    const durable = this.#far.durableIn(welcome);
    this.#state = 'up';
    if (this.#through) this.#through.told = false;
    if (!before) {
      this.#fault = undefined;
      this.#durable = durable;
      this.#landed = durable;
      this.#appended = durable;
      this.#outflow.goOn(durable);
    }
    const tables = welcome.features?.includes('nodes') === true;
    for (const item of this.#queue.restart((one) => isOpen(one, durable, tables))) {
      if (item.kind === 'entry') this.#ended(item);
      else if (item.state === 'open') this.#acts.push({ kind: 'answer', id: item.id, answer: NO_TABLES });
    }
    if (about && welcome.features?.includes('about')) this.#send(aboutFrame(about()), now);
    this.#acts.push({ kind: 'up' });
    if (before && before.bytes !== welcome.bytes) this.#acts.push({ kind: 'size', bytes: welcome.bytes });
    this.#fill(now);
  }

  #refused(refusal: Refusal): void {
    const fault = refused(refusal);
    if (!refusal.again) this.#fail(fault);
    this.#hangUp(fault, refusal.again);
  }

  #acknowledged(number: number, now: number): string | undefined {
    const { sent } = this.#outflow;
    if (number > sent || number < this.#durable) return `change ${number} is durable, and ${sent} were sent`;
    for (let item = this.#queue.oldestSent(); item && this.#durable < number; item = this.#queue.oldestSent()) {
      if (item.kind === 'question') return 'changes are durable that stand behind a question without an answer';
      this.#outflow.durable(item);
      this.#ended(item);
      this.#queue.drop();
    }
    if (this.#durable < number) return `change ${number} is durable, and was not sent whole`;
    this.#fill(now);
    return undefined;
  }

  #answered(id: number, answer: LinkAnswer, now: number): string | undefined {
    const item = this.#queue.question(id);
    if (!item) return `an answer to question ${id}, which was not asked`;
    if (item.state === 'open') this.#acts.push({ kind: 'answer', id, answer });
    this.#queue.answered(item);
    if (answer.kind === 'grew' && this.#far.resized(answer.bytes)) {
      this.#acts.push({ kind: 'size', bytes: answer.bytes });
    }
    this.#fill(now);
    return undefined;
  }

  #ended({ id, earlier, last, number, appendedBytes }: SentEntry): void {
    this.#durable = number;
    this.#landed = last;
    this.#waiting -= appendedBytes;
    for (const one of earlier) this.#acts.push({ kind: 'durable', id: one });
    this.#acts.push({ kind: 'durable', id });
  }

  /** Hands the connection as much as it should have. */
  #fill(now: number): void {
    const far = this.#far.welcome;
    if (this.#state !== 'up' || this.#fault || !far) return;
    for (let next = this.#outflow.next(far, now); next; next = this.#outflow.next(far, now)) {
      this.#send(next.frame, now, next.data);
    }
    const { unsent } = this.#queue;
    if (!this.#through || this.#through.told || unsent > 0 || !far.features?.includes('order')) return;
    this.#through.told = true;
    this.#send(throughFrame(this.#outflow.sent, this.#through.order), now);
  }

  #send(frame: LinkFrame, now: number, data = false): void {
    this.#outflow.hand(frame);
    this.#pulse.sent(now);
    this.#acts.push({ kind: 'send', frame, data });
  }

  #bye(words: string, now: number): void {
    if (this.#state !== 'away') this.#send(wordsFrame(LinkType.bye, { words, mend: '' }), now);
  }

  #nonsense(what: ParseFault | string, now: number): void {
    const words = typeof what === 'string' ? what : what.reason;
    this.#bye(`nonsense came from the far end: ${words}`, now);
    this.#hangUp(nonsense(words), true);
  }

  #hangUp(fault: Fault, again: boolean): void {
    if (this.#state === 'away') return;
    this.#state = 'away';
    this.#acts.push({ kind: 'hangUp', fault, again });
  }

  #fail(fault: Fault): void {
    this.#fault = fault;
    this.#through = undefined;
    for (const item of this.#queue.restart(() => false)) {
      if (item.kind === 'entry') {
        this.#waiting -= item.appendedBytes;
        for (const id of item.earlier) this.#acts.push({ kind: 'failed', id, fault });
      }
      if (item.kind === 'entry' || item.state === 'open') this.#acts.push({ kind: 'failed', id: item.id, fault });
    }
  }
}
