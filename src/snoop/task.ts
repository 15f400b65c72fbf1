import { newCdb } from '../../parsers/scsi/cdb.ts';
import type { Doubt, Lease, LeaseRoom } from '../base/change.ts';
import type { Ending, Sense } from '../base/command.ts';
import { Extents } from '../base/extents.ts';
import type { Lu } from './lu/lu.ts';
import type { KeptRead } from './reads.ts';

/** Data a task keeps outside the room: parameter lists, one block of a WRITE SAME, the answers that tell about the LU. */
export const SMALL_MAX = 65536;
/** Runs of data with gaps between them; no host scatters its data like that. */
const SCATTER_MAX = 1024;

/** What a task did to the medium, once known. */
export type Effect = 'pending' | 'done' | 'doubt' | 'nothing';

/** One SCSI command between its command PDU and the moment nothing more can come of it. */
export class Task {
  readonly cdb = newCdb();
  itt = 0;
  cmdSn = 0;
  ordinal = 0;
  stream = 0;
  host = '';
  lu: Lu;
  lun = 0;
  edtl = 0;
  reads = false;
  writes = false;
  /** True when the command may change the medium. */
  mutates = false;
  /** Frame and time of the command PDU's first and last byte, and of the status. */
  openFrame = 0;
  frame = 0;
  time = 0;
  responseFrame = 0;
  /** Frame of its end, whatever ended it. */
  endFrame = 0;
  responseTime = 0;
  status = -1;
  sense: Sense | undefined;
  ending: Ending = 'unfinished';
  queueDepth = 0;
  dataIn = 0;
  dataOut = 0;

  /** Data-Out that has arrived: [0, landed) without a gap, and what lies further on. */
  landed = 0;
  beyond: Extents | undefined;
  /** Too scattered to follow, or against the rules: none of it is believed. */
  hopeless = false;
  /** Ranges of the data that are not believed: holes inside known PDUs, wrong digests, copies that differ. */
  disbelieved: Extents | undefined;
  digestFailed = false;
  /** The bus told no length in advance: data that is not exactly as long as the CDB asks for has lost something. */
  counted = false;
  lease: Lease | undefined;
  leaseRefused = false;
  small: Uint8Array | undefined;
  /** Somebody looks at what it reads: `small` is theirs. */
  kept: KeptRead | undefined;

  effect: Effect = 'pending';
  doubt: Doubt = 'outcome';
  /** False while the command can still land although nobody will tell: its connection is gone. */
  final = false;
  emitted = false;
  /** Extents in blocks, [first, end) pairs; empty while unknown. */
  blocks: number[] = [];
  blocksKnown = false;
  wholeLu = false;
  /** Blocks of other LUs that it writes (EXTENDED COPY). */
  far: { lu: Lu; extents: Extents | 'wholeLu' }[] | undefined;
  /** Not weighed against what else was in flight: none of its blocks is exact. */
  blurred = false;
  /** Write-natured tasks in flight at the same time on common blocks. */
  rivals: Task[] | undefined;
  /** Blocks whose order against a rival is not certain. */
  tangled: Extents | undefined;
  /** For SYNCHRONIZE CACHE: the epoch of unsynchronised writes that it covers. */
  epoch = 0;
  private clashFrom = 0;
  private clashTo = 0;

  constructor(lu: Lu) {
    this.lu = lu;
  }

  /** Takes a run of Data-Out (or of an answer, into `small`). `at` is its BufferOffset. Copies. */
  land(bytes: Uint8Array, offset: number, length: number, at: number): void {
    if (!this.hopeless && (this.lease !== undefined || this.small !== undefined)) {
      if (at < this.landed || this.beyond?.intersects(at, at + length)) this.compareAgain(bytes, offset, length, at);
      this.store(bytes, offset, length, at);
    }
    this.disbelieved?.remove(at, at + length);
    this.arrived(at, length);
  }

  /** Puts proven bytes in the place of others that arrived at `at`. Copies. */
  replace(bytes: Uint8Array, at: number): void {
    if (!this.hopeless && (this.lease !== undefined || this.small !== undefined))
      this.store(bytes, 0, bytes.length, at);
  }

  /** Notes that [at, at + length) has passed, whatever it is worth. */
  arrived(at: number, length: number): void {
    if (at <= this.landed) {
      if (at + length > this.landed) this.landed = at + length;
      if (this.beyond === undefined) return;
      const first = this.beyond.first();
      if (first !== undefined && first[0] <= this.landed) {
        this.landed = Math.max(this.landed, first[1]);
        this.beyond.remove(0, this.landed);
      }
      return;
    }
    if (this.hopeless) return;
    this.beyond ??= new Extents();
    this.beyond.add(at, at + length);
    if (this.beyond.count > SCATTER_MAX) this.giveUpData();
  }

  /** What follows comes again, from `at` on (a pointer was restored): the last copy is the one that counts. */
  rewind(at: number): void {
    if (at >= this.landed || this.hopeless) return;
    this.landed = at;
    this.beyond = undefined;
    this.disbelieved?.remove(at, Number.MAX_SAFE_INTEGER);
  }

  /** So many bytes were lost at `at`: what landed there and later belongs further on. */
  shift(at: number, by: number): void {
    const tail = Buffer.concat(this.view(at, this.landed));
    const wrong: number[] = [];
    this.disbelieved?.forEachIn(at, this.landed, (s, e) => wrong.push(s + by, e + by));
    const end = this.landed + by;
    this.disbelieved?.remove(at, Number.MAX_SAFE_INTEGER);
    this.store(tail, 0, tail.length, at + by);
    this.landed = end;
    this.disbelieve(at, by);
    for (let i = 0; i < wrong.length; i += 2) this.disbelieve(wrong[i], wrong[i + 1] - wrong[i]);
  }

  /** None of the data is believed any more, whatever still comes. */
  giveUpData(): void {
    this.hopeless = true;
    this.beyond = undefined;
    this.disbelieved = undefined;
  }

  disbelieve(at: number, length: number): void {
    if (this.hopeless) return;
    this.disbelieved ??= new Extents();
    this.disbelieved.add(at, at + length);
    if (this.disbelieved.count > SCATTER_MAX) this.giveUpData();
  }

  /** Bytes of [0, length) that no known PDU carried. */
  missing(length: number): number {
    let gone = Math.max(0, length - this.landed);
    this.beyond?.forEachIn(this.landed, Math.max(this.landed, length), (s, e) => {
      gone -= e - s;
    });
    return gone;
  }

  /** True when all of [0, length) has arrived and is believed. */
  intact(length: number): boolean {
    return !this.hopeless && this.landed >= length && (this.disbelieved === undefined || this.disbelieved.isEmpty);
  }

  /** Runs of [0, length) that are not known to be what was written. */
  unbelieved(length: number): Extents {
    const out = new Extents();
    if (this.hopeless) out.add(0, length);
    else if (this.landed < length) {
      if (this.beyond === undefined) out.add(this.landed, length);
      else this.beyond.gaps(this.landed, length, (s, e) => out.add(s, e));
    }
    this.disbelieved?.forEachIn(0, length, (s, e) => out.add(s, e));
    return out;
  }

  /** Views of the landed bytes [from, to). */
  view(from: number, to: number): Uint8Array[] {
    if (this.small !== undefined) return [this.small.subarray(from, to)];
    const out: Uint8Array[] = [];
    let at = 0;
    for (const part of this.lease?.parts ?? []) {
      const s = Math.max(from - at, 0);
      const e = Math.min(to - at, part.length);
      if (s < e) out.push(part.subarray(s, e));
      at += part.length;
    }
    return out;
  }

  releaseTo(room: LeaseRoom | undefined): void {
    if (this.lease !== undefined) room?.give(this.lease);
    this.lease = undefined;
  }

  private store(bytes: Uint8Array, offset: number, length: number, at: number): void {
    if (this.small !== undefined) {
      const room = this.small.length - at;
      if (room > 0) this.small.set(bytes.subarray(offset, offset + Math.min(length, room)), at);
      return;
    }
    let start = 0;
    for (const part of this.lease?.parts ?? []) {
      const from = at - start;
      if (from < part.length && from + length > 0) {
        const skip = from < 0 ? -from : 0;
        const n = Math.min(length - skip, part.length - (from + skip));
        part.set(bytes.subarray(offset + skip, offset + skip + n), from + skip);
      }
      start += part.length;
    }
  }

  /** Data for one place came twice (RFC 7143 section 7.2, data recovery): where it differs, neither copy is believed. */
  private compareAgain(bytes: Uint8Array, offset: number, length: number, at: number): void {
    const capacity = this.small?.length ?? this.lease!.parts.reduce((n, p) => n + p.length, 0);
    if (at >= capacity) return;
    const have = new Extents();
    if (this.landed > 0) have.add(0, this.landed);
    this.beyond?.forEachIn(0, Number.MAX_SAFE_INTEGER, (s, e) => have.add(s, e));
    this.disbelieved?.forEachIn(0, Number.MAX_SAFE_INTEGER, (s, e) => have.remove(s, e));
    have.forEachIn(at, Math.min(at + length, capacity), (s, e) => {
      let i = s;
      for (const part of this.view(s, e)) {
        for (let k = 0; k < part.length; k++, i++) {
          if (part[k] === bytes[offset + i - at]) continue;
          if (this.clashTo === 0 || i < this.clashFrom) this.clashFrom = i;
          if (i >= this.clashTo) this.clashTo = i + 1;
        }
      }
    });
  }

  /** Called once the data is complete: what clashed stays disbelieved. */
  sealData(): void {
    if (this.clashTo > 0) this.disbelieve(this.clashFrom, this.clashTo - this.clashFrom);
  }
}
