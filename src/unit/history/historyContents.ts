import type { QueueFolder } from '../../../hw/queueFolder.ts';
import { type QueueSegment, SegmentEnd } from '../../../hw/queueSegment.ts';
import { CRC_START, crcUpdate, crcValue } from '../../../parsers/iscsi/crc32c.ts';
import { Fault } from '../../base/fault.ts';
import type { Volume } from '../../base/volume.ts';
import type { QueueIndex, Run, Standing, Stored } from '../../queue/queueIndex.ts';
import type { Timeline } from '../../queue/timeline.ts';

const CHECK_BYTES = 1024 * 1024;
const READS_MAX = 8;

/** An entry that was durable is not what it was. */
export class EntryDamage extends Fault {
  readonly sequence: number;

  constructor(sequence: number, where: string, why: string) {
    super(
      'local',
      `${where}: entry ${sequence} of the queue is damaged (${why})`,
      'look after the disk that it lies on',
    );
    this.sequence = sequence;
  }
}

/** One run with everything that is needed to read it, whatever happens to the index meanwhile. */
interface Job {
  readonly run: Run;
  readonly stored: Stored | undefined;
  readonly segment: QueueSegment | undefined;
}

/** The base and the queue before it: index, moments, and the files in which the entries lie. */
export class HistoryContents {
  readonly base: Volume;
  readonly folder: QueueFolder;
  readonly index: QueueIndex;
  readonly timeline: Timeline;
  /** By their numbers, which count up; the last one is written to. */
  readonly segments = new Map<number, QueueSegment>();
  /** Entries up to here survive a power loss. */
  synced: number;
  /** Counts the cuts: sequences behind one are given anew. */
  cuts = 0;
  #lastSegment = 0;

  constructor(base: Volume, folder: QueueFolder, index: QueueIndex, timeline: Timeline) {
    this.base = base;
    this.folder = folder;
    this.index = index;
    this.timeline = timeline;
    this.synced = index.next - 1;
  }

  get bytes(): number {
    return this.base.blocks * this.base.blockSize;
  }

  /** Number and segment that entries are added to; undefined before the first one. */
  get last(): { number: number; segment: QueueSegment } | undefined {
    const segment = this.segments.get(this.#lastSegment);
    return segment && { number: this.#lastSegment, segment };
  }

  addSegment(segment: QueueSegment): number {
    this.segments.set(++this.#lastSegment, segment);
    return this.#lastSegment;
  }

  /** Fills `into` as of a moment. Rejects with `EntryDamage` where an entry is not what it was. */
  async read(sequence: number, offset: number, into: Uint8Array, signal?: AbortSignal): Promise<void> {
    const jobs = this.index.resolve(offset, offset + into.length, sequence).map((run) => this.#job(run));
    for (const { segment } of jobs) segment?.hold();
    try {
      for (const { stored } of jobs) if (stored) await this.check(stored.sequence);
      for (let i = 0; i < jobs.length; i += READS_MAX) {
        const group = jobs.slice(i, i + READS_MAX);
        // All of them have ended before anything is let go: they write into the caller's buffer.
        const ends = await Promise.allSettled(
          group.map((job) => this.#fill(job, into.subarray(job.run.start - offset, job.run.end - offset), signal)),
        );
        for (const end of ends) if (end.status === 'rejected') throw end.reason;
      }
    } finally {
      for (const { segment } of jobs) segment?.release();
    }
  }

  /** Checks an entry's payload unless it was since the store was opened. */
  async check(sequence: number): Promise<void> {
    const { index } = this;
    if (sequence < index.first || sequence >= index.next || index.checked(sequence)) return;
    const standing = index.standing(sequence);
    const segment = this.segmentAt(standing.segment);
    segment.hold();
    try {
      const { cuts } = this;
      const crc = await this.#payloadCrc(segment, standing);
      const there = cuts === this.cuts && sequence >= index.first;
      if (!there) return;
      if (crc !== standing.payloadCrc) throw new EntryDamage(sequence, segment.path, 'its checksum is wrong');
      index.setChecked(sequence);
    } catch (error) {
      throw error instanceof SegmentEnd ? new EntryDamage(sequence, segment.path, 'the file is cut') : error;
    } finally {
      segment.release();
    }
  }

  segmentAt(number: number): QueueSegment {
    const segment = this.segments.get(number);
    if (segment === undefined) throw new Fault('bug', `the queue has no segment ${number}`);
    return segment;
  }

  /** Takes back the entries behind this one, durably. A crash in between is the caller's to have provided for. */
  async cutTo(sequence: number): Promise<void> {
    const { index } = this;
    if (sequence >= index.next - 1) return;
    const { segment: number, position } = index.standing(Math.max(sequence + 1, index.first));
    this.cuts++;
    this.timeline.cutTo(sequence);
    index.cutTo(sequence);
    this.synced = Math.min(this.synced, sequence);
    for (let n = this.#lastSegment; n > number; n--) {
      this.#lastSegment = n - 1;
      await this.#remove(n);
    }
    await this.segmentAt(number).cut(position);
    await this.folder.sync();
  }

  /** Removes segments all of whose entries are the base's; the last one stays, as it is written to, unless `all` go. */
  async dropSegments(all = false): Promise<void> {
    const { index } = this;
    const next = all ? this.#lastSegment + 1 : this.#lastSegment;
    const first = index.entries > 0 ? index.segmentOf(index.first) : next;
    const old = [...this.segments.keys()].filter((number) => number < first);
    for (const number of old) await this.#remove(number);
    if (old.length > 0) await this.folder.sync();
  }

  async close(): Promise<void> {
    const ends = await Promise.allSettled([...this.segments.values()].map((segment) => segment.close()));
    this.segments.clear();
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
  }

  async #remove(number: number): Promise<void> {
    const segment = this.segments.get(number);
    this.segments.delete(number);
    await segment?.remove();
  }

  async #payloadCrc(segment: QueueSegment, { position, headBytes, payloadBytes }: Standing): Promise<number> {
    const bytes = new Uint8Array(Math.min(payloadBytes, CHECK_BYTES));
    let crc = CRC_START;
    for (let done = 0; done < payloadBytes; done += bytes.length) {
      const part = bytes.subarray(0, Math.min(bytes.length, payloadBytes - done));
      await segment.read(position + headBytes + done, part);
      crc = crcUpdate(crc, part, 0, part.length);
    }
    return crcValue(crc);
  }

  #job(run: Run): Job {
    if (run.piece < 0) return { run, stored: undefined, segment: undefined };
    const stored = this.index.piece(run.piece);
    return { run, stored, segment: this.segmentAt(this.index.segmentOf(stored.sequence)) };
  }

  async #fill({ run, stored, segment }: Job, into: Uint8Array, signal: AbortSignal | undefined): Promise<void> {
    if (stored === undefined || segment === undefined) return this.base.read(run.start, into, signal);
    const { kind, offset, position } = stored;
    if (kind === 'zeros') into.fill(0);
    else if (kind === 'bytes') await segment.read(position + run.start - offset, into);
    else {
      const block = new Uint8Array(stored.stored);
      await segment.read(position, block);
      repeatInto(into, block, run.start - offset);
    }
  }
}

/** Fills `into` with the block repeated, beginning `phase` bytes behind the start of one. */
export function repeatInto(into: Uint8Array, block: Uint8Array, phase: number): void {
  let from = phase % block.length;
  for (let at = 0; at < into.length; ) {
    const part = block.subarray(from, from + into.length - at);
    into.set(part, at);
    at += part.length;
    from = 0;
  }
}
