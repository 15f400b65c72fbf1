import { u24 } from '../../../parsers/bytes.ts';
import { CRC_START, crcUpdate, crcValue, digestAt } from '../../../parsers/iscsi/crc32c.ts';
import { BHS_BYTES } from '../../../parsers/iscsi/opcodes.ts';
import { type Evidence, judge, NO, PROVEN } from './witness.ts';

/** Bytes searched at most at a time; beyond them the older ones are given up. */
const SEARCH_MAX = 1 << 20;
/** A possible header with more data than this is not waited for. */
const CHAIN_DATA_MAX = 300_000;
/** Further headers that have to follow a possible one before it is believed. */
const CHAIN_LINKS = 2;

/** A boundary that is believed. */
export interface Found {
  /** Offset of the header in `Hunter.buffer`. */
  at: number;
  toTarget: boolean;
  headerDigest: boolean;
  dataDigest: boolean | undefined;
}

/** One run of the searched bytes that came from one frame. */
interface Source {
  at: number;
  frame: number;
  time: number;
}

/**
 * Searches a direction for the next PDU boundary and believes it only with proof (requirement A8): a header digest, or
 * tags and sequence numbers that fit this connection, or (where nothing is known yet) a chain of headers in which each
 * one's lengths lead exactly to the next.
 */
export class Hunter {
  buffer = new Uint8Array(0);
  length = 0;
  /** Stream position of `buffer[0]`. */
  position = 0;
  readonly sources: Source[] = [];
  /** Bytes searched in vain so far. */
  searched = 0;

  private scanned = 0;
  private possible: number[] = [];
  /** PDUs start at multiples of four from a known boundary (padding); -1 while none was ever known. */
  private phase = -1;

  /** Starts at stream position `position`; `boundary` is the last position that was one, or -1. */
  begin(position: number, boundary: number): void {
    this.position = position;
    this.phase = boundary < 0 ? -1 : boundary & 3;
    this.clear();
  }

  add(bytes: Uint8Array, offset: number, length: number, frame: number, time: number): void {
    if (this.length + length > SEARCH_MAX) this.forget(this.length + length - SEARCH_MAX / 2);
    if (this.buffer.length < this.length + length) {
      const bigger = new Uint8Array(Math.max(16384, (this.length + length) * 2));
      bigger.set(this.buffer.subarray(0, this.length));
      this.buffer = bigger;
    }
    this.buffer.set(bytes.subarray(offset, offset + length), this.length);
    this.sources.push({ at: this.length, frame, time });
    this.length += length;
    this.searched += length;
  }

  /** Bytes are missing: nothing before them can be chained to what follows. */
  hole(length: number): void {
    this.position += this.length + length;
    this.clear();
  }

  /** The earliest boundary with proof, if there is one yet. `roles` lists the directions this side may have. */
  find(
    roles: readonly boolean[],
    headerDigest: boolean | undefined,
    dataDigest: boolean | undefined,
    evidence: Evidence,
  ): Found | undefined {
    for (const at of this.possible) {
      const found = this.chain(at, roles, headerDigest, dataDigest, evidence);
      if (found === 'no') this.possible = this.possible.filter((p) => p !== at);
      else if (found !== 'wait') return found;
    }
    const need = BHS_BYTES + (headerDigest === false ? 0 : 4);
    const b = this.buffer;
    for (; this.scanned + need <= this.length; this.scanned++) {
      const at = this.scanned;
      if (this.phase >= 0 && ((this.position + at) & 3) !== this.phase) continue;
      for (const toTarget of roles) {
        const certainty = judge(b, at, toTarget, evidence);
        if (certainty === NO) continue;
        const digests = this.digestsAt(at, headerDigest);
        if (headerDigest === true && digests !== true) continue;
        if (certainty === PROVEN && headerDigest !== undefined) {
          this.scanned++;
          return { at, toTarget, headerDigest, dataDigest };
        }
        if (digests === true) {
          this.scanned++;
          return { at, toTarget, headerDigest: true, dataDigest };
        }
        if (certainty === PROVEN) {
          this.scanned++;
          return { at, toTarget, headerDigest: false, dataDigest };
        }
        const found = this.chain(at, roles, headerDigest, dataDigest, evidence);
        if (found === 'wait') {
          if (this.possible.length < 64) this.possible.push(at);
        } else if (found !== 'no') return found;
        break;
      }
    }
    return undefined;
  }

  /** Takes `found` and everything before it out of the search, as bytes to feed again: calls `feed` run by run. */
  replay(
    at: number,
    feed: (bytes: Uint8Array, offset: number, length: number, frame: number, time: number) => void,
  ): void {
    const bytes = this.buffer;
    const end = this.length;
    const runs = this.sources.splice(0);
    this.buffer = new Uint8Array(0);
    this.clear();
    for (let i = 0; i < runs.length; i++) {
      const to = i + 1 < runs.length ? runs[i + 1].at : end;
      const from = Math.max(runs[i].at, at);
      if (from < to) feed(bytes, from, to - from, runs[i].frame, runs[i].time);
    }
  }

  /** Whether a header digest stands behind the header at `at`; undefined when it is known that none is used. */
  private digestsAt(at: number, headerDigest: boolean | undefined): boolean | undefined {
    if (headerDigest === false) return undefined;
    const end = at + BHS_BYTES + this.buffer[at + 4] * 4;
    if (end + 4 > this.length) return false;
    return crcValue(crcUpdate(CRC_START, this.buffer, at, end)) === digestAt(this.buffer, end);
  }

  /** Follows lengths from the possible header at `at`. */
  private chain(
    at: number,
    roles: readonly boolean[],
    headerDigest: boolean | undefined,
    dataDigest: boolean | undefined,
    evidence: Evidence,
  ): Found | 'wait' | 'no' {
    let waits = false;
    for (const toTarget of roles) {
      for (const digest of dataDigest === undefined ? [false, true] : [dataDigest]) {
        const links = this.links(at, toTarget, headerDigest === true, digest, evidence);
        if (links === 'wait') waits = true;
        else if (links === 'yes') return { at, toTarget, headerDigest: headerDigest === true, dataDigest };
      }
    }
    return waits ? 'wait' : 'no';
  }

  private links(
    at: number,
    toTarget: boolean,
    headerDigest: boolean,
    dataDigest: boolean,
    evidence: Evidence,
  ): 'yes' | 'no' | 'wait' {
    let here = at;
    for (let link = 0; link < CHAIN_LINKS; link++) {
      const data = u24(this.buffer, here + 5);
      if (data > CHAIN_DATA_MAX) return 'no';
      here += BHS_BYTES + this.buffer[here + 4] * 4 + (headerDigest ? 4 : 0);
      if (data > 0) here += data + (-data & 3) + (dataDigest ? 4 : 0);
      if (here + BHS_BYTES > this.length) return 'wait';
      if (judge(this.buffer, here, toTarget, evidence) === NO) return 'no';
    }
    return 'yes';
  }

  private forget(bytes: number): void {
    const n = Math.min(bytes, this.length);
    this.buffer.copyWithin(0, n, this.length);
    this.length -= n;
    this.position += n;
    this.scanned = Math.max(0, this.scanned - n);
    this.possible = this.possible.filter((p) => p >= n).map((p) => p - n);
    let kept = 0;
    for (let i = 0; i < this.sources.length; i++) {
      const end = i + 1 < this.sources.length ? this.sources[i + 1].at : this.length + n;
      if (end <= n) continue;
      const s = this.sources[i];
      this.sources[kept++] = { at: Math.max(0, s.at - n), frame: s.frame, time: s.time };
    }
    this.sources.length = kept;
  }

  private clear(): void {
    this.length = 0;
    this.scanned = 0;
    this.possible = [];
    this.sources.length = 0;
  }
}
