import { LINK_COMPRESSIONS } from '../../../hw/linkCompress.ts';
import type { LinkStream } from '../../../hw/linkStream.ts';
import type { LinkAbout } from '../../../parsers/formats/linkAbout.ts';
import { LinkType } from '../../../parsers/formats/linkFrame.ts';
import type { Hello, LinkFeature, LinkHash, Refusal } from '../../../parsers/formats/linkGreeting.ts';
import { CHECK_CHUNK_MAX, type LinkAnswer, type LinkQuestion } from '../../../parsers/formats/linkRequests.ts';
import { Fault } from '../../base/fault.ts';
import type { FarStore } from '../../base/ordered.ts';
import { ChunkHasher, compareChunk } from '../../link/checks.ts';
import { Receiver } from '../../link/receiver.ts';
import type { ReceiverAct } from '../../link/receiverTypes.ts';
import { BeyondNews } from '../received/beyond.ts';
import { BodyPool } from './bodyPool.ts';
import { LinkEnd } from './linkEnd.ts';
import { type MetUnit, metUnit } from './linkWords.ts';
import type { LinkServiceOptions, SenderStatus } from './receiverTypes.ts';

export interface ReceiverSessionOptions {
  stream: LinkStream;
  /** Somebody has named themselves: `welcome` or `refuse` follows, at once or later. */
  greeted: (session: ReceiverSession, hello: Hello) => void;
  /** The connection is over. The store may still be at work: see `idle`. */
  over: (session: ReceiverSession) => void;
  /** See `LinkServiceOptions`. */
  about?: LinkServiceOptions['about'];
  notice: (text: string) => void;
  now: () => number;
}

type AppendAct = Extract<ReceiverAct, { kind: 'append' }>;

const TICK_MS = 500;

/** One connection from another unit, and the store that its changes go to. */
export class ReceiverSession {
  readonly stream: LinkStream;
  readonly #options: ReceiverSessionOptions;
  readonly #receiver: Receiver;
  readonly #end: LinkEnd;
  readonly #pool = new BodyPool();
  readonly #ticker: NodeJS.Timeout;
  readonly #since: number;
  /** Calls of the store that have not ended, and whoever waits for that. */
  #calls = 0;
  readonly #idle: (() => void)[] = [];
  /** Sessions before this one that may still be at work with the same store. */
  #before: Promise<void> = Promise.resolve();
  #store: FarStore | undefined;
  /** What it was when the sender was welcomed. */
  #incarnation = '';
  #hasher: ChunkHasher | undefined;
  #buffer: Uint8Array | undefined;
  #running = false;
  #flushing = false;
  #held = false;
  #over = false;
  #met: MetUnit | undefined;
  readonly #beyond = new BeyondNews();

  constructor(options: ReceiverSessionOptions) {
    const { stream, now } = options;
    this.stream = stream;
    this.#options = options;
    this.#since = now();
    const receiver = new Receiver(LINK_COMPRESSIONS, now());
    this.#receiver = receiver;
    this.#end = new LinkEnd({
      stream,
      pool: this.#pool,
      now,
      heard: () => receiver.heard(now()),
      frame: (type, body) => {
        receiver.frame(type, body, now());
        this.#run();
        // An entry's bytes lie in its frames until it has been applied.
        if (type !== LinkType.entry) this.#pool.give(body);
      },
      written: () => undefined,
      over: (fault) => this.#ended(fault),
    });
    // Its preamble tells whoever is there that this is the right port.
    this.#end.flush();
    this.#ticker = setInterval(() => {
      receiver.tick(now());
      this.#tellBeyond();
      this.#run();
    }, TICK_MS);
  }

  /** Whose connection it is: the certificate's name, and what the unit calls itself. */
  get owner(): string {
    return `${this.stream.peer}\n${this.#receiver.hello?.unit ?? ''}`;
  }

  get isOver(): boolean {
    return this.#over;
  }

  get status(): SenderStatus {
    const { stream } = this;
    return {
      peer: stream.peer,
      remote: stream.remote,
      ...(this.#met ? { unit: this.#met } : {}),
      since: this.#since,
      applied: this.#receiver.appliedNumber,
      durable: this.#receiver.durableNumber,
      receivedBytes: stream.receivedBytes,
      waitingBytes: this.#receiver.waitingBytes,
      paused: this.#receiver.paused,
    };
  }

  /** Resolves once nothing of this session, nor of those before it, is at work with the store. Over, or it may never. */
  idle(): Promise<void> {
    const own = this.#calls === 0 ? Promise.resolve() : new Promise<void>((resolve) => this.#idle.push(resolve));
    return Promise.all([this.#before, own]).then(() => undefined);
  }

  /** This session follows another at the same store. */
  follow(before: Promise<void>): void {
    this.#before = before;
  }

  /** What was applied by an earlier connection is durable before this one is told where to go on. */
  async welcome(store: FarStore, hash: LinkHash): Promise<void> {
    await this.#before;
    if (this.#over) return;
    this.#calls++;
    try {
      await store.sync();
    } catch (error) {
      const { message, mend } = faultOf(error);
      this.refuse({ words: message, mend: mend ?? '', again: true });
      return;
    } finally {
      this.#callEnded();
    }
    if (this.#over) return;
    this.#store = store;
    this.#incarnation = store.incarnation;
    this.#hasher = new ChunkHasher(hash);
    this.#end.greeted();
    const features: LinkFeature[] = store.compareNodes ? ['nodes'] : [];
    if (store.through) features.push('order');
    if (this.#options.about) features.push('about');
    const told = this.#end.version === undefined || this.#end.version < 2 ? undefined : features;
    this.#receiver.welcome(store, hash, this.#options.now(), told);
    this.#run();
  }

  refuse(refusal: Refusal): void {
    this.#receiver.refuse(refusal, this.#options.now());
    this.#run();
  }

  /** Ends the connection on purpose. */
  bye(words: string): void {
    this.#receiver.bye(words, this.#options.now());
    this.#run();
  }

  #run(): void {
    // A store may answer at once: the outer call goes on with that.
    if (this.#running) return;
    this.#running = true;
    try {
      for (let acts = this.#receiver.take(); acts.length > 0; acts = this.#receiver.take())
        for (const act of acts) this.#do(act);
    } finally {
      this.#running = false;
    }
    if (this.#over) return;
    this.#flushSoon();
    if (this.#held !== this.#receiver.full) {
      this.#held = this.#receiver.full;
      this.#end.hold(this.#held);
    }
  }

  /** Once all that has come by now has been taken: what is said of it goes out in one go. */
  #flushSoon(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    setImmediate(() => {
      this.#flushing = false;
      this.#end.flush();
    });
  }

  #do(act: ReceiverAct): void {
    switch (act.kind) {
      case 'send':
        this.#end.send(act.frame);
        return;
      case 'hello':
        this.#options.greeted(this, act.hello);
        return;
      case 'append':
        this.#append(act);
        return;
      case 'through':
        if (this.#store?.incarnation === this.#incarnation) this.#store.through?.(act.place, act.order);
        return;
      case 'about':
        this.#heard(act.about);
        return;
      case 'question':
        this.#question(act.question);
        return;
      case 'sync':
        this.#sync(act.number);
        return;
      case 'hangUp':
        this.#notice(act.fault.message);
        this.#close();
        return;
      case 'notice':
        this.#notice(act.text);
    }
  }

  #heard(about: LinkAbout): void {
    const { about: ours, now } = this.#options;
    const volume = this.#receiver.hello?.volume;
    if (!ours || volume === undefined) return;
    this.#met = metUnit(about);
    ours.heard(volume, about);
    if (ours.beyond) this.#tellBeyond();
    else this.#receiver.about(ours.own(), now());
  }

  /** One who has said something of its unit is told what becomes of the volume here. */
  #tellBeyond(): void {
    const { about: ours, now } = this.#options;
    const volume = this.#receiver.hello?.volume;
    if (!ours?.beyond || !this.#met || volume === undefined || !this.#receiver.up) return;
    if (!this.#beyond.ripe(now())) return;
    const beyond = ours.beyond(volume);
    if (this.#beyond.due(beyond, now())) this.#receiver.about({ ...ours.own(), beyond }, now());
  }

  #append({ place, entry, bodies }: AppendAct): void {
    this.#call(
      (store) => store.append(place, entry),
      () => {
        for (const body of bodies) this.#pool.give(body);
        this.#receiver.appended(place.number, this.#options.now());
      },
      (fault) => this.#receiver.notAppended(place.number, fault, this.#options.now()),
    );
  }

  #sync(number: number): void {
    const { now } = this.#options;
    this.#call(
      async (store) => {
        await store.sync();
        return this.#kept(store, number);
      },
      (kept) => {
        if (kept) this.#receiver.synced(now());
        else this.bye('changes that were not durable yet have been taken back');
      },
      (fault) => this.#receiver.notSynced(fault, now()),
    );
  }

  /** A store whose medium failed takes back what it had applied, and is durable again without that: it has to be sent anew. */
  #kept({ durable }: FarStore, number: number): boolean {
    return number === 0 || (durable?.epoch === this.#receiver.hello?.epoch && (durable?.number ?? 0) >= number);
  }

  #question(question: LinkQuestion): void {
    const { now } = this.#options;
    this.#call(
      (store) => this.#answer(store, question),
      (answer) => this.#receiver.answered(answer, now()),
      ({ message, mend }) => this.#receiver.answered({ kind: 'failed', words: message, mend: mend ?? '' }, now()),
    );
  }

  async #answer(store: FarStore, question: LinkQuestion): Promise<LinkAnswer> {
    if (question.kind === 'grow') {
      if (question.bytes > store.bytes) await store.grow(question.bytes);
      return { kind: 'grew', bytes: store.bytes };
    }
    if (question.kind === 'nodes') {
      if (!store.compareNodes) throw new Fault('local', 'no block table is kept there');
      return { kind: 'same', same: await store.compareNodes(question) };
    }
    const { offset, length } = question;
    if (offset + length > store.bytes) {
      throw new Fault('local', `the volume there ends at ${store.bytes}, and ${offset + length} was asked for`);
    }
    // One question at a time: an answer to a read is sent from its own bytes.
    const bytes = question.kind === 'read' ? new Uint8Array(length) : this.#scratch(length);
    await store.read(offset, bytes);
    if (question.kind === 'read') return { kind: 'data', bytes };
    if (!this.#hasher) throw new Fault('bug', 'a question before a welcome');
    return compareChunk(question, this.#hasher.chunk(bytes));
  }

  #scratch(bytes: number): Uint8Array {
    this.#buffer ??= new Uint8Array(CHECK_CHUNK_MAX);
    return this.#buffer.subarray(0, bytes);
  }

  #call<T>(start: (store: FarStore) => Promise<T>, done: (value: T) => void, failed: (fault: Fault) => void): void {
    const store = this.#store;
    if (!store) throw new Fault('bug', 'a change before a welcome');
    this.#calls++;
    start(store).then(
      (value) => {
        this.#callEnded();
        if (!this.#moved(store)) done(value);
        this.#run();
      },
      (error: unknown) => {
        this.#callEnded();
        if (!this.#moved(store)) failed(faultOf(error));
        this.#run();
      },
    );
  }

  /** The store has lost something, or was rolled back: nothing can follow what this sender sent before it knows. */
  #moved({ incarnation }: FarStore): boolean {
    if (incarnation === this.#incarnation) return false;
    this.bye('the volume here is another one now');
    return true;
  }

  #callEnded(): void {
    this.#calls--;
    if (this.#calls === 0) for (const resolve of this.#idle.splice(0)) resolve();
  }

  /** The stream ended, or what came was no frame: that is told as far as it can be. */
  #ended(fault: Fault): void {
    if (this.#over) return;
    if (fault.blame === 'peer') {
      this.#receiver.refuse({ words: fault.message, mend: fault.mend ?? '', again: true }, this.#options.now());
      this.#run();
      return;
    }
    if (this.#receiver.up) this.#notice(fault.message);
    this.#receiver.closed();
    this.#close();
  }

  #close(): void {
    if (this.#over) return;
    this.#over = true;
    clearInterval(this.#ticker);
    this.#end.end();
    this.#options.over(this);
  }

  #notice(text: string): void {
    const { hello } = this.#receiver;
    const about = hello ? `volume ${hello.volume}, unit ${this.stream.peer}` : `unit ${this.stream.peer}`;
    this.#options.notice(`journey link from ${this.stream.remote} (${about}): ${text}`);
  }
}

function faultOf(error: unknown): Fault {
  if (error instanceof Fault) return error;
  return new Fault('bug', error instanceof Error ? error.message : String(error), undefined, { cause: error });
}
