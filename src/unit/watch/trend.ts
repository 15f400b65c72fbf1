import type { LuId } from '../../base/change.ts';
import type { MirrorStatus, VolumeStatus } from './status.ts';
import { TREND_MINUTES, TREND_SECONDS, TrendRing } from './trendRing.ts';

/** One volume over time: what `/trend.json?volume=` says. Values are oldest first; null where nothing is known. */
export interface TrendReport {
  lu: LuId;
  /** Of the newest value, milliseconds since 1970. */
  endMs: number;
  stepSeconds: number;
  /** Writes and bytes a second. */
  writes: (number | null)[];
  bytes: (number | null)[];
  mirrors: { to: string; recoverySeconds: (number | null)[]; behindBytes: (number | null)[] }[];
}

/** Every volume in short: what `/trend.json` says. */
export interface TrendOverview {
  endMs: number;
  stepSeconds: number;
  volumes: { lu: LuId; bytes: (number | null)[]; recoverySeconds: (number | null)[] }[];
}

/** Of the overview. */
const SPAN_SECONDS = 15;
const SPANS = TREND_SECONDS / SPAN_SECONDS;
/** Media of a volume that are remembered. */
const MIRRORS_MAX = 16;
const VOLUMES_MAX = 1024;

interface MirrorRings {
  recovery: TrendRing;
  behind: TrendRing;
}

interface VolumeRings {
  writes: TrendRing;
  bytes: TrendRing;
  recovery: TrendRing;
  mirrors: Map<string, MirrorRings>;
  last: { changes: number; written: number };
}

/** How volumes went, second by second for ten minutes and minute by minute for a day. Of bounded size. */
export class Trend {
  readonly #volumes = new Map<LuId, VolumeRings>();
  readonly #beganMs: number;
  /** Milliseconds of the last look, which was at the second before `#end`. */
  #lastMs: number;
  #end = 0;

  constructor(nowMs: number) {
    this.#beganMs = nowMs;
    this.#lastMs = nowMs;
  }

  /** Whether the second that it is has not been looked at. */
  due(nowMs: number): boolean {
    return Math.floor((nowMs - this.#beganMs) / 1000) >= this.#end;
  }

  /** `written`: bytes that hosts have written since the unit began, where that is counted. */
  look(nowMs: number, volumes: readonly VolumeStatus[], written: (lu: LuId) => number | undefined): void {
    const second = Math.floor((nowMs - this.#beganMs) / 1000);
    if (second < this.#end) return;
    const elapsed = Math.max(0.001, (nowMs - this.#lastMs) / 1000);
    for (const lu of this.#volumes.keys()) if (!volumes.some((one) => one.lu === lu)) this.#volumes.delete(lu);
    for (const volume of volumes) this.#volume(second, elapsed, volume, written(volume.lu));
    this.#end = second + 1;
    this.#lastMs = nowMs;
  }

  /** `wallMs`: now, since 1970. */
  overview(nowMs: number, wallMs: number): TrendOverview {
    const spans = (ring: TrendRing): (number | null)[] => ring.spans(this.#end, SPANS, SPAN_SECONDS);
    return {
      endMs: this.#endMs(nowMs, wallMs),
      stepSeconds: SPAN_SECONDS,
      volumes: [...this.#volumes].map(([lu, { bytes, recovery }]) => ({
        lu,
        bytes: spans(bytes),
        recoverySeconds: spans(recovery),
      })),
    };
  }

  /** `span`: ten minutes in seconds, or a day in minutes. */
  report(lu: LuId, span: 'minutes' | 'day', nowMs: number, wallMs: number): TrendReport | undefined {
    const rings = this.#volumes.get(lu);
    if (rings === undefined) return undefined;
    const day = span === 'day';
    const values = (ring: TrendRing): (number | null)[] =>
      day ? ring.minutes(this.#end, TREND_MINUTES) : ring.seconds(this.#end, TREND_SECONDS);
    return {
      lu,
      endMs: this.#endMs(nowMs, wallMs),
      stepSeconds: day ? 60 : 1,
      writes: values(rings.writes),
      bytes: values(rings.bytes),
      mirrors: [...rings.mirrors].map(([to, { recovery, behind }]) => ({
        to,
        recoverySeconds: values(recovery),
        behindBytes: values(behind),
      })),
    };
  }

  #endMs(nowMs: number, wallMs: number): number {
    return Math.round(wallMs - (nowMs - this.#lastMs));
  }

  #volume(second: number, elapsed: number, volume: VolumeStatus, counted: number | undefined): void {
    const written = counted ?? volume.mirrors[0]?.writtenBytes ?? 0;
    const { changes } = volume;
    let rings = this.#volumes.get(volume.lu);
    if (rings === undefined) {
      if (this.#volumes.size >= VOLUMES_MAX) return;
      rings = {
        writes: new TrendRing('mean'),
        bytes: new TrendRing('mean'),
        recovery: new TrendRing('most'),
        mirrors: new Map(),
        last: { changes, written },
      };
      this.#volumes.set(volume.lu, rings);
    }
    // A counter that begins again has nothing to tell of the second that it began in.
    rings.writes.put(second, Math.max(0, changes - rings.last.changes) / elapsed);
    rings.bytes.put(second, Math.max(0, written - rings.last.written) / elapsed);
    rings.last = { changes, written };
    const lags = volume.mirrors.map(({ lag }) => lag?.seconds ?? Number.NaN).filter((one) => !Number.isNaN(one));
    rings.recovery.put(second, lags.length === 0 ? Number.NaN : Math.max(...lags));
    mirrorsOf(rings.mirrors, second, volume.mirrors);
  }
}

function mirrorsOf(rings: Map<string, MirrorRings>, second: number, mirrors: readonly MirrorStatus[]): void {
  for (const to of rings.keys()) if (!mirrors.some((one) => one.to === to)) rings.delete(to);
  for (const { to, lag, behindBytes } of mirrors.slice(0, MIRRORS_MAX)) {
    let one = rings.get(to);
    if (one === undefined) {
      one = { recovery: new TrendRing('most'), behind: new TrendRing('most') };
      rings.set(to, one);
    }
    one.recovery.put(second, lag?.seconds ?? Number.NaN);
    one.behind.put(second, behindBytes);
  }
}
