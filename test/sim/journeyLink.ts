import type { LinkAnswer } from '../../parsers/formats/linkRequests.ts';
import type { Piece } from '../../src/base/change.ts';
import { Fault } from '../../src/base/fault.ts';
import type { OrderedEntry, OrderedVolume } from '../../src/base/ordered.ts';
import type { VolumeIdentity } from '../../src/base/volume.ts';
import { ChunkHasher, differingPieces } from '../../src/link/checks.ts';
import { Sender, type SenderAct } from '../../src/link/sender.ts';
import { OrderedOnly } from './orderedOnly.ts';
import { BLOCK, SIZE } from './orderedPieces.ts';

interface Waiting {
  resolve: (answer: LinkAnswer | undefined) => void;
  reject: (fault: Fault) => void;
}

export interface SimLinkOptions {
  epoch: string;
  now: () => number;
  /** The sender wants something done: `take` its acts. */
  run: () => void;
  limitBytesPerSecond?: number;
  below: (n: number) => number;
}

const HASHER = new ChunkHasher('sha256');

/** A journey volume whose connections the world makes and breaks. */
export class SimLink extends OrderedOnly implements OrderedVolume {
  readonly sender: Sender;
  readonly blockSize: number = BLOCK;
  readonly #options: SimLinkOptions;
  readonly #waiting = new Map<number, Waiting>();
  #ids = 0;
  /** A connection is wanted: it was asked for, or was up and has not failed for good. */
  wanted = false;
  #opening: { promise: Promise<void>; resolve: () => void; reject: (fault: Fault) => void } | undefined;

  constructor(options: SimLinkOptions) {
    super();
    this.#options = options;
    const { epoch, limitBytesPerSecond } = options;
    this.sender = new Sender({
      volume: 'v',
      unit: 'u',
      epoch,
      isOurs: () => true,
      bytes: SIZE,
      blockSize: BLOCK,
      compression: [],
      hashes: ['sha256'],
      ...(limitBytesPerSecond === undefined ? {} : { limitBytesPerSecond }),
    });
  }

  get blocks(): number {
    return SIZE / BLOCK;
  }

  get down(): boolean {
    return this.sender.fault !== undefined;
  }

  identity(): VolumeIdentity {
    return { kind: 'lu', id: this.sender.far.identity || 'nobody yet' };
  }

  async append(entry: OrderedEntry): Promise<void> {
    await this.#wait((id, now) => this.sender.append(id, entry, now));
  }

  through(number: number): void {
    this.sender.through(number, this.#options.now());
    this.#options.run();
  }

  async differing(offset: number, bytes: Uint8Array): Promise<Piece[]> {
    const own = HASHER.chunk(bytes);
    const coarse = this.#options.below(2) === 0;
    const hashes = coarse ? own.whole : own.groups;
    const question = { kind: 'check', offset, length: bytes.length, coarse, hashes } as const;
    const answer = await this.#wait((id, now) => this.sender.ask(id, question, now));
    if (answer?.kind !== 'differ') throw new Fault('bug', 'no answer to a comparison');
    const pieces = differingPieces(offset, bytes, own, answer);
    if (typeof pieces === 'string') throw new Fault('bug', pieces);
    return pieces;
  }

  revive(): Promise<void> {
    if (this.sender.up) return Promise.resolve();
    if (this.#opening) return this.#opening.promise;
    this.sender.forgive();
    this.wanted = true;
    let resolve = (): void => undefined;
    let reject = (_: Fault): void => undefined;
    const promise = new Promise<void>((yes, no) => {
      resolve = yes;
      reject = no;
    });
    this.#opening = { promise, resolve, reject };
    return promise;
  }

  /** What the sender says that is not its connection's business. */
  told(act: Exclude<SenderAct, { kind: 'send' | 'hangUp' }>): void {
    if (act.kind === 'up') {
      this.#opening?.resolve();
      this.#opening = undefined;
    } else if (act.kind !== 'size' && act.kind !== 'notice' && act.kind !== 'about') {
      const waiting = this.#waiting.get(act.id);
      this.#waiting.delete(act.id);
      if (act.kind === 'failed') waiting?.reject(act.fault);
      else waiting?.resolve(act.kind === 'answer' ? act.answer : undefined);
    }
  }

  /** The connection is over. */
  broken(): void {
    this.sender.broken();
    this.#opening?.reject(new Fault('local', 'the connection broke', undefined, { unreachable: true }));
    this.#opening = undefined;
    if (this.sender.fault) this.wanted = false;
  }

  grow(): Promise<void> {
    return Promise.reject(new Fault('bug', 'it is as long as the first volume'));
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #wait(start: (id: number, now: number) => void): Promise<LinkAnswer | undefined> {
    return new Promise((resolve, reject) => {
      const id = ++this.#ids;
      this.#waiting.set(id, { resolve, reject });
      start(id, this.#options.now());
      this.#options.run();
    });
  }
}
