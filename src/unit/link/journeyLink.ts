import { LINK_COMPRESSIONS } from '../../../hw/linkCompress.ts';
import { connectLink } from '../../../hw/linkConnect.ts';
import type { LinkStream } from '../../../hw/linkStream.ts';
import { portalName } from '../../../hw/netWords.ts';
import type { LinkBeyond } from '../../../parsers/formats/linkBeyond.ts';
import type { LinkCompression } from '../../../parsers/formats/linkGreeting.ts';
import { Fault } from '../../base/fault.ts';
import { Sender } from '../../link/sender.ts';
import { quiet } from '../../link/senderFaults.ts';
import type { SenderAct } from '../../link/senderTypes.ts';
import { Silence } from '../../link/silence.ts';
import { Thrift } from '../../link/thrift.ts';
import { BodyPool } from './bodyPool.ts';
import type { JourneyStatus, JourneyVolumeOptions } from './journeyTypes.ts';
import { LinkEnd } from './linkEnd.ts';
import { fastestHashes, isLineage, lineageEpoch } from './linkIdentity.ts';
import { type MetUnit, metUnit } from './linkWords.ts';

/** What the sender says that is not the connection's own business. */
export type SenderNews = Exclude<SenderAct, { kind: 'send' | 'hangUp' | 'notice' | 'up' | 'about' }>;

const CONNECT_MS = 10_000;
const TICK_MS = 500;
/** How soon a sender that is short of credit looks again. */
const CREDIT_MS = 10;
/** Waits between attempts: the first, and the longest, so that the end of a fault is seen within 5 s. */
const FIRST_MS = 200;
const LONGEST_MS = 3500;
/** Reasons of one break that are told. */
const WORDS_MAX = 8;
/** A connection that stood so long has been one: the waits begin anew. */
const STEADY_NS = 10e9;

interface Opening {
  promise: Promise<void>;
  resolve: () => void;
  reject: (fault: Fault) => void;
}

/** A sender and the connections that it needs, one after the other, for ever. */
export class JourneyLink {
  readonly sender: Sender;
  readonly text: string;
  readonly #options: JourneyVolumeOptions;
  readonly #news: (news: SenderNews) => void;
  readonly #thrift: Thrift;
  readonly #pool = new BodyPool();
  readonly #abort = new AbortController();
  readonly #ticker: NodeJS.Timeout;
  #end: LinkEnd | undefined;
  #stream: LinkStream | undefined;
  #opening: Opening | undefined;
  #compression: LinkCompression | undefined;
  #running = false;
  #flushing = false;
  /** It was up once, and has not failed for good since: a break is mended. */
  #wanted = false;
  #wake: NodeJS.Timeout | undefined;
  #again: NodeJS.Timeout | undefined;
  #waitMs = FIRST_MS;
  #since: number;
  #reconnects = -1;
  #wireBefore = 0;
  #lastFault: Fault | undefined;
  #about: MetUnit | undefined;
  /** The far end's mirrors, as it told of them on this connection. */
  #beyond: readonly LinkBeyond[] | undefined;
  /** What has been told of the break. */
  readonly #told = new Set<string>();
  #silence: Silence;
  #silent = false;

  constructor(options: JourneyVolumeOptions, news: (news: SenderNews) => void) {
    const { host, port, volume, unit, compress, limitBytesPerSecond, now } = options;
    this.text = `journey://${portalName(host, port)}/${volume}`;
    this.#options = options;
    this.#news = news;
    this.#thrift = new Thrift(compress);
    this.#since = now();
    this.#silence = new Silence(now());
    this.sender = new Sender({
      volume,
      unit,
      epoch: lineageEpoch(unit, volume, options.epoch),
      isOurs: (epoch) => isLineage(unit, volume, epoch),
      bytes: options.bytes,
      blockSize: options.blockSize,
      compression: compress === false ? [] : LINK_COMPRESSIONS,
      hashes: fastestHashes(now),
      ...(limitBytesPerSecond === undefined ? {} : { limitBytesPerSecond }),
      ...(options.about ? { about: options.about } : {}),
    });
    this.#ticker = setInterval(() => {
      this.sender.tick(now());
      this.run();
      this.#listen();
    }, TICK_MS);
  }

  get status(): JourneyStatus {
    const { sender } = this;
    return {
      connected: sender.up && !this.#silent,
      since: this.#since,
      remote: this.#stream?.remote ?? '',
      peer: this.#stream?.peer ?? '',
      version: this.#about?.version,
      clockMs: this.#about?.clockMs,
      appended: sender.appended,
      sent: sender.sent,
      durable: sender.durable,
      waitingBytes: sender.waitingBytes,
      wireBytes: this.#wireBefore + (this.#stream?.sentBytes ?? 0),
      entryBytes: sender.entryBytes,
      elidedBytes: sender.elidedBytes,
      reconnects: Math.max(0, this.#reconnects),
      compression: this.#thrift.on ? (this.#compression ?? 'none') : 'none',
      roundTripMs: sender.roundTripMs,
      paused: sender.paused,
      lastFault: this.#lastFault?.message,
      beyond: this.#beyond,
    };
  }

  /** Resolves once the far end takes changes; rejects with the `Fault` of one attempt. */
  async connect(signal?: AbortSignal): Promise<void> {
    if (this.#abort.signal.aborted) throw new Fault('local', `${this.text} is closed`);
    if (this.sender.up) return;
    if (!this.#opening) this.sender.forgive();
    const { promise } = this.#opening ?? this.#start();
    if (!signal) return promise;
    if (signal.aborted) throw new Fault('local', `${this.text}: stopped before it was connected`);
    let stop = (): void => undefined;
    const stopped = new Promise<void>((_, reject) => {
      stop = () => reject(new Fault('local', `${this.text}: stopped before it was connected`));
    });
    signal.addEventListener('abort', stop);
    return Promise.race([promise, stopped]).finally(() => signal.removeEventListener('abort', stop));
  }

  /** Does what the sender wants done. */
  run(): void {
    // Whoever is told something may append at once: the outer call goes on with that.
    if (this.#running) return;
    this.#running = true;
    try {
      for (let acts = this.sender.take(); acts.length > 0; acts = this.sender.take())
        for (const act of acts) this.#do(act);
    } finally {
      this.#running = false;
    }
    this.#flushSoon();
    if (this.sender.short && this.#wake === undefined) {
      this.#wake = setTimeout(() => {
        this.#wake = undefined;
        this.sender.tick(this.#options.now());
        this.run();
      }, CREDIT_MS);
    }
  }

  /** What is appended in one go goes out in one go. */
  #flushSoon(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    queueMicrotask(() => {
      this.#flushing = false;
      this.#end?.flush();
    });
  }

  /** Everything that waits fails. */
  close(): void {
    if (this.#abort.signal.aborted) return;
    this.#abort.abort();
    clearInterval(this.#ticker);
    clearTimeout(this.#wake);
    clearTimeout(this.#again);
    const fault = new Fault('local', `${this.text} was closed`);
    this.sender.close(fault, this.#options.now());
    this.run();
    this.#wanted = false;
    this.#drop(fault, (end) => end.end());
  }

  #start(): Opening {
    clearTimeout(this.#again);
    let resolve = (): void => undefined;
    let reject = (_: Fault): void => undefined;
    const promise = new Promise<void>((yes, no) => {
      resolve = yes;
      reject = no;
    });
    promise.catch(() => undefined);
    const opening = { promise, resolve, reject };
    this.#opening = opening;
    const { host, port, keys } = this.#options;
    connectLink({ host, port, keys, connectMs: CONNECT_MS }, this.#abort.signal).then(
      (stream) => this.#connected(stream),
      (fault: Fault) => this.#failed(fault),
    );
    return opening;
  }

  #connected(stream: LinkStream): void {
    if (this.#abort.signal.aborted) {
      stream.destroy();
      return;
    }
    const { now } = this.#options;
    const { sender } = this;
    this.#silence = new Silence(now());
    this.#stream = stream;
    this.#end = new LinkEnd({
      stream,
      pool: this.#pool,
      now,
      heard: () => {
        const at = now();
        sender.heard(at);
        this.#silence.heard(at);
        if (this.#silent) this.#heardAgain();
      },
      frame: (type, body) => {
        sender.frame(type, body, now());
        this.run();
        this.#pool.give(body);
      },
      carried: (bytes, ns) => this.#thrift.carried(bytes, ns),
      written: (bytes) => {
        sender.written(bytes, now());
        this.run();
      },
      compressed: (from, to, ns, used) => {
        this.#thrift.compressed(from, to, ns);
        if (used) sender.saved(from - to);
      },
      over: (fault) => this.#over(fault),
    });
    sender.opened(now());
    this.run();
  }

  #do(act: SenderAct): void {
    switch (act.kind) {
      case 'send': {
        const method = this.#compression;
        const small = act.data && method !== undefined && this.#thrift.wants(act.frame.bytes);
        this.#end?.send(act.frame, small ? method : 'none');
        return;
      }
      case 'up':
        this.#up();
        return;
      case 'about':
        this.#about = metUnit(act.about);
        this.#beyond = act.about.beyond;
        return;
      case 'hangUp':
        this.#drop(act.fault, (end) => end.end());
        return;
      case 'notice':
        this.#options.notice(`${this.text}: ${act.text}`);
        return;
      case 'durable':
        // Whatever becomes of this connection, it got somewhere.
        this.#waitMs = FIRST_MS;
        this.#news(act);
        return;
      default:
        this.#news(act);
    }
  }

  #up(): void {
    const { now, notice } = this.#options;
    const understood = this.sender.far.welcome?.compression ?? [];
    this.#compression = LINK_COMPRESSIONS.find((one) => understood.includes(one));
    this.#end?.greeted();
    this.#wanted = true;
    this.#since = now();
    this.#reconnects++;
    if (this.#told.size > 0) notice(`${this.text}: the connection is back`);
    this.#told.clear();
    this.#opening?.resolve();
    this.#opening = undefined;
  }

  /** A far end that is not heard of any more is told of long before the connection to it is given up. */
  #listen(): void {
    if (this.#silent || !this.sender.up || !this.#silence.lasts(this.#options.now())) return;
    this.#silent = true;
    this.#lastFault = quiet();
    this.#tell(this.#lastFault);
  }

  #heardAgain(): void {
    this.#silent = false;
    this.#told.clear();
    this.#options.notice(`${this.text}: the connection is back`);
  }

  /** Every reason once, as the status has the newest. */
  #tell({ message }: Fault): void {
    if (this.#told.has(message) || this.#told.size >= WORDS_MAX) return;
    this.#told.add(message);
    this.#options.notice(`${this.text}: ${message}; changes wait until it is connected again`);
  }

  /** The stream ended, or what came was no frame. */
  #over(fault: Fault): void {
    const greeted = this.sender.up;
    const mend = 'see the log of the unit there: it may not believe the certificate of this one';
    const early = fault.unreachable && !greeted;
    const told = early
      ? new Fault('local', `${fault.message} before it said anything`, mend, { unreachable: true })
      : fault;
    this.#drop(told, (end) => end.destroy());
    this.run();
  }

  /** The connection is given up; another one follows where that is wanted. */
  #drop(fault: Fault, how: (end: LinkEnd) => void): void {
    const end = this.#end;
    const wasUp = this.#opening === undefined;
    this.#end = undefined;
    this.#wireBefore += this.#stream?.sentBytes ?? 0;
    this.#stream = undefined;
    this.#beyond = undefined;
    this.#silent = false;
    if (end) how(end);
    this.sender.broken();
    if (end && wasUp) {
      const at = this.#options.now();
      if (at - this.#since > STEADY_NS) this.#waitMs = FIRST_MS;
      this.#since = at;
    }
    this.#failed(fault);
  }

  #failed(fault: Fault): void {
    this.#lastFault = fault;
    this.#opening?.reject(fault);
    this.#opening = undefined;
    if (this.sender.fault) this.#wanted = false;
    if (!this.#wanted || this.#abort.signal.aborted) return;
    this.#tell(fault);
    // Units that lost the same far end do not all come back at one moment.
    const jittered = this.#waitMs * (0.75 + Math.random() / 2);
    this.#waitMs = Math.min(this.#waitMs * 2, LONGEST_MS);
    clearTimeout(this.#again);
    this.#again = setTimeout(() => {
      if (!this.#opening && !this.sender.up) this.#start();
    }, jittered);
  }
}
