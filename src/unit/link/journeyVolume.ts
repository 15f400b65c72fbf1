import { nodesMax } from '../../../parsers/formats/linkNodes.ts';
import {
  CHECK_CHUNK_MAX,
  type LinkAnswer,
  type LinkQuestion,
  READ_MAX,
} from '../../../parsers/formats/linkRequests.ts';
import type { NodeSums } from '../../base/blocks.ts';
import type { Piece } from '../../base/change.ts';
import { Extents } from '../../base/extents.ts';
import { Fault } from '../../base/fault.ts';
import type { NearSums, OrderedEntry } from '../../base/ordered.ts';
import type { VolumeIdentity } from '../../base/volume.ts';
import { Survey } from '../../blocks/survey.ts';
import { ChunkHasher, differingPieces } from '../../link/checks.ts';
import { JourneyLink, type SenderNews } from './journeyLink.ts';
import type { JourneyStatus, JourneyVolume, JourneyVolumeOptions } from './journeyTypes.ts';

/**
 * Connects to a volume at another unit. One attempt; rejects with a `Fault`, `unreachable` when the same may succeed later
 * without anybody mending anything.
 */
export async function openJourneyVolume(options: JourneyVolumeOptions, signal?: AbortSignal): Promise<JourneyVolume> {
  const volume = new LinkedVolume(options);
  try {
    await volume.revive(signal);
  } catch (error) {
    await volume.close();
    throw error;
  }
  return volume;
}

interface Waiting {
  resolve: (answer: LinkAnswer | undefined) => void;
  reject: (fault: Fault) => void;
}

/** Questions about nodes of block tables under way at once. */
const SURVEYS = 4;
/** Of the chunks compared lately, the share from which on groups are compared at once. */
const FINE_SHARE = 1 / 16;
const NEW_SHARE = 1 / 16;

class LinkedVolume implements JourneyVolume {
  readonly #link: JourneyLink;
  readonly #options: JourneyVolumeOptions;
  readonly #waiting = new Map<number, Waiting>();
  readonly #flushes: { number: number; waiting: Waiting }[] = [];
  readonly #listeners: ((blocks: number) => void)[] = [];
  #hasher: ChunkHasher | undefined;
  /** What a survey found to differ and nobody has asked about since. */
  #differ = new Extents();
  #ids = 0;
  /** Of chunks compared, about, those that differed: begins with the belief that they do. */
  #differed = 1;
  #closed = false;

  constructor(options: JourneyVolumeOptions) {
    this.#options = options;
    this.#link = new JourneyLink(options, (news) => this.#told(news));
  }

  get link(): JourneyStatus {
    return this.#link.status;
  }

  get blockSize(): number {
    return this.#link.sender.far.welcome?.blockSize ?? 512;
  }

  get blocks(): number {
    return Math.floor(this.#bytes / this.blockSize);
  }

  get down(): boolean {
    return this.#closed || this.#link.sender.fault !== undefined;
  }

  identity(): VolumeIdentity {
    return { kind: 'lu', id: this.#link.sender.far.identity };
  }

  append(entry: OrderedEntry): Promise<void> {
    return new Promise((resolve, reject) => {
      const id = this.#nextId();
      this.#waiting.set(id, { resolve: resolve as () => void, reject });
      this.#link.sender.append(id, entry, this.#options.now());
      this.#link.run();
    });
  }

  through(number: number): void {
    this.#link.sender.through(number, this.#options.now());
    this.#link.run();
  }

  async differing(offset: number, bytes: Uint8Array, signal?: AbortSignal): Promise<Piece[]> {
    const chunks: Promise<Piece[]>[] = [];
    // Sending what is the same after all would do no harm.
    if (this.#differ.covers(offset, offset + bytes.length)) {
      this.#differ.remove(offset, offset + bytes.length);
      return [{ offset, length: bytes.length, payload: [bytes] }];
    }
    for (let at = 0; at < bytes.length; at += CHECK_CHUNK_MAX) {
      chunks.push(this.#compare(offset + at, bytes.subarray(at, at + CHECK_CHUNK_MAX), signal));
    }
    // The bytes are the caller's again once this settles: every question has to be over.
    const found: Piece[] = [];
    for (const chunk of await Promise.allSettled(chunks)) {
      if (chunk.status === 'rejected') throw chunk.reason;
      for (const piece of chunk.value) joinPiece(found, piece);
    }
    return found;
  }

  async survey(wanted: Extents, near: NearSums, signal?: AbortSignal): Promise<Extents | undefined> {
    if (!this.#link.sender.far.welcome?.features?.includes('nodes')) return undefined;
    const survey = new Survey(wanted, near, nodesMax);
    const asked = new Set<Promise<void>>();
    const ask = async (nodes: NodeSums): Promise<void> => {
      const take = (answer: LinkAnswer): void => {
        if (answer.kind === 'same' && survey.answered(nodes, answer.same)) return;
        throw this.#nonsense('comparing block tables');
      };
      await this.#ask({ kind: 'nodes', ...nodes }, take, signal);
    };
    try {
      while (!survey.over) {
        while (asked.size < SURVEYS) {
          const nodes = survey.next();
          if (!nodes) break;
          const one: Promise<void> = ask(nodes).finally(() => asked.delete(one));
          asked.add(one);
        }
        if (asked.size > 0) await Promise.race(asked);
      }
    } finally {
      await Promise.allSettled(asked);
    }
    this.#differ = survey.differing;
    return survey.rest;
  }

  async read(offset: number, into: Uint8Array, signal?: AbortSignal): Promise<void> {
    const parts: Promise<void>[] = [];
    for (let at = 0; at < into.length; at += READ_MAX) {
      const part = into.subarray(at, at + READ_MAX);
      const take = (answer: LinkAnswer): void => {
        if (answer.kind !== 'data' || answer.bytes.length !== part.length) throw this.#nonsense('a read');
        part.set(answer.bytes);
      };
      parts.push(this.#ask({ kind: 'read', offset: offset + at, length: part.length }, take, signal));
    }
    for (const part of await Promise.allSettled(parts)) if (part.status === 'rejected') throw part.reason;
  }

  /** As a change of its own; durable when it resolves. Changes of a bus come by `append`, with their moments. */
  writev(pieces: readonly Piece[]): Promise<void> {
    return this.append({ kind: 'copy', at: 0n, pieces, consistent: false });
  }

  zero(offset: number, length: number): Promise<void> {
    return this.writev([{ offset, length, payload: 'zeros' }]);
  }

  unmap(offset: number, length: number): Promise<void> {
    return this.zero(offset, length);
  }

  /** Resolves once everything appended so far is durable. */
  async flush(): Promise<void> {
    const { sender } = this.#link;
    if (sender.fault) throw sender.fault;
    if (sender.durable >= sender.appended) return;
    await new Promise<unknown>((resolve, reject) => {
      this.#flushes.push({ number: sender.appended, waiting: { resolve, reject } });
    });
  }

  async grow(bytes: number): Promise<void> {
    if (bytes <= this.#bytes) return;
    await this.#ask({ kind: 'grow', bytes }, (answer) => {
      if (answer.kind !== 'grew') throw this.#nonsense('growing');
      if (answer.bytes >= bytes) return;
      const what = `${this.#link.text} holds ${answer.bytes} bytes, ${bytes} are needed`;
      throw new Fault('local', what, 'enlarge the volume at the far unit');
    });
  }

  revive(signal?: AbortSignal): Promise<void> {
    return this.#link.connect(signal);
  }

  onSizeChange(listener: (blocks: number) => void): void {
    this.#listeners.push(listener);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#link.close();
  }

  get #bytes(): number {
    return this.#link.sender.far.welcome?.bytes ?? 0;
  }

  async #compare(offset: number, bytes: Uint8Array, signal: AbortSignal | undefined): Promise<Piece[]> {
    const kind = this.#link.sender.far.welcome?.hash;
    if (kind === undefined) throw this.#link.sender.fault ?? new Fault('bug', `${this.#link.text} was never met`);
    if (this.#hasher?.kind !== kind) this.#hasher = new ChunkHasher(kind);
    const own = this.#hasher.chunk(bytes);
    const coarse = this.#differed < FINE_SHARE;
    const hashes = coarse ? own.whole : own.groups;
    const take = (answer: LinkAnswer): Piece[] => {
      const pieces = answer.kind === 'differ' ? differingPieces(offset, bytes, own, answer) : 'no answer';
      if (typeof pieces === 'string') throw this.#nonsense(`comparing (${pieces})`);
      this.#differed += NEW_SHARE * ((pieces.length > 0 ? 1 : 0) - this.#differed);
      return pieces;
    };
    return this.#ask({ kind: 'check', offset, length: bytes.length, coarse, hashes }, take, signal);
  }

  /** `take` sees the answer while its bytes are there. */
  async #ask<T>(question: LinkQuestion, take: (answer: LinkAnswer) => T, signal?: AbortSignal): Promise<T> {
    let taken: { value: T } | undefined;
    await this.#wait(
      (id, now) => this.#link.sender.ask(id, question, now),
      (answer) => {
        if (answer.kind === 'failed') {
          throw new Fault('local', `${this.#link.text}: ${answer.words}`, answer.mend || undefined);
        }
        taken = { value: take(answer) };
      },
      signal,
    );
    if (!taken) throw new Fault('bug', 'a question without an answer');
    return taken.value;
  }

  #wait(
    start: (id: number, now: number) => void,
    take?: (answer: LinkAnswer) => void,
    signal?: AbortSignal,
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      const stopped = (): Fault => new Fault('local', `${this.#link.text}: stopped before it was done`);
      if (signal?.aborted) {
        reject(stopped());
        return;
      }
      const id = this.#nextId();
      const stop = (): void => {
        this.#waiting.delete(id);
        this.#link.sender.forget(id);
        reject(stopped());
      };
      signal?.addEventListener('abort', stop);
      this.#waiting.set(id, {
        resolve: (answer) => {
          signal?.removeEventListener('abort', stop);
          try {
            if (answer) take?.(answer);
            resolve();
          } catch (error) {
            reject(error);
          }
        },
        reject: (fault) => {
          signal?.removeEventListener('abort', stop);
          reject(fault);
        },
      });
      start(id, this.#options.now());
      this.#link.run();
    });
  }

  /** Fits into the frames; no other is that old. */
  #nextId(): number {
    this.#ids = (this.#ids + 1) % 2 ** 32;
    return this.#ids;
  }

  #told(news: SenderNews): void {
    if (news.kind === 'size') {
      for (const listener of this.#listeners) listener(this.blocks);
      return;
    }
    const waiting = this.#waiting.get(news.id);
    this.#waiting.delete(news.id);
    if (news.kind === 'failed') {
      waiting?.reject(news.fault);
      for (const flush of this.#flushes.splice(0)) flush.waiting.reject(news.fault);
      return;
    }
    waiting?.resolve(news.kind === 'answer' ? news.answer : undefined);
    const { durable } = this.#link.sender;
    while (this.#flushes.length > 0 && this.#flushes[0].number <= durable)
      this.#flushes.shift()?.waiting.resolve(undefined);
  }

  #nonsense(what: string): Fault {
    return new Fault(
      'peer',
      `${this.#link.text} answered nonsense to ${what}`,
      'see that both units are of one version',
    );
  }
}

/** Neighbours become one piece. */
function joinPiece(pieces: Piece[], piece: Piece): void {
  const last = pieces.at(-1);
  if (!last || last.offset + last.length !== piece.offset) {
    pieces.push(piece);
    return;
  }
  const payload = [...(last.payload as readonly Uint8Array[]), ...(piece.payload as readonly Uint8Array[])];
  pieces[pieces.length - 1] = { offset: last.offset, length: last.length + piece.length, payload };
}
