import type { Log } from '../../../hw/log.ts';
import type { Fault } from '../../base/fault.ts';
import type { FarStore } from '../../base/ordered.ts';
import type { Volume } from '../../base/volume.ts';
import type { Room } from '../../buffer/room.ts';
import type { LiveMirrorConfig, LiveVolumeConfig } from '../config/configTypes.ts';
import { type LiveParts, LiveVolume, type Medium } from '../live/liveVolume.ts';
import { LateVolume } from '../lu/lateVolume.ts';
import type { LinkCopyOut } from '../mirror/recall.ts';
import { type LinkStatus, logState, type MirrorStatus } from '../watch/status.ts';
import { RelayStore } from './relayStore.ts';

export interface RelayParts {
  /** The unit's state folder. */
  folder: string;
  room: Room;
  record: { chunkBytes: number; hotBytes: number };
  bytesPerSecond?: number;
  steering?: Pick<LiveParts, 'held' | 'pace'>;
  log: Log;
  notice: (text: string) => void;
  /** Monotonic time in nanoseconds. */
  now: () => number;
}

export interface RelayedVolume {
  /** What links call it. */
  name: string;
  store: FarStore;
  /** Time of its newest moment, in nanoseconds since 1970. */
  newestAt: bigint;
  /** To be kept beside that, in the order of the media. */
  mirrors: readonly LiveMirrorConfig[];
}

/** Where the further mirrors lie. */
export interface FurtherMedia {
  readonly all: readonly Medium[];
  /** Rejects with a `Fault` for what somebody has to mend; what does not answer is waited for later. */
  open(): Promise<void>;
  /** See `LiveParts`. */
  copyOut(to: string, volume: Volume, losses: () => number): Promise<LinkCopyOut>;
  link(to: string): LinkStatus | undefined;
  /** One more mirror, opened; rejects with a `Fault`, also where it does not answer. */
  openOne(mirror: LiveMirrorConfig): Promise<Medium>;
  /** It is none of these any more. */
  forget(volume: Volume): Promise<void>;
  /** Those that nobody took over; closing twice does nothing. */
  close(): Promise<void>;
}

/** The further mirrors of a volume that comes over a link (requirement D3): chains and fans. */
export class Relay {
  /** In place of the volume's own store: what it is given is passed on. */
  readonly store: RelayStore;
  readonly #media: FurtherMedia;
  readonly #live: LiveVolume;

  private constructor(store: RelayStore, media: FurtherMedia, live: LiveVolume) {
    this.store = store;
    this.#media = media;
    this.#live = live;
  }

  /** Rejects with a `Fault` for what somebody has to mend, everything closed again but the store. */
  static async open(volume: RelayedVolume, media: FurtherMedia, parts: RelayParts): Promise<Relay> {
    const store = new RelayStore({ name: volume.name, store: volume.store, room: parts.room });
    try {
      await media.open();
      // What it cannot make durable now it may yet give up: that is known to be so until a later sync.
      await store.sync().catch(({ message }: Fault) => parts.notice(`${volume.name}: ${message}`));
      const live = await openLive(volume, store, media, parts);
      store.feed(live);
      return new Relay(store, media, live);
    } catch (error) {
      await media.close();
      throw error;
    }
  }

  get live(): LiveVolume {
    return this.#live;
  }

  get media(): Pick<FurtherMedia, 'openOne' | 'forget'> {
    return this.#media;
  }

  tick(): void {
    this.store.look();
    this.#live.tick();
  }

  status(): MirrorStatus[] {
    this.store.look();
    return this.#live.status().mirrors.map((mirror) => {
      const link = this.#media.link(mirror.to);
      return link === undefined ? mirror : { ...mirror, link };
    });
  }

  /** Passes on what waits, until `signal` ends that. The store is closed by its owner, afterwards. */
  async close(signal: AbortSignal): Promise<void> {
    await this.#live.close(signal);
    await this.#media.close();
  }
}

async function openLive(
  { name, store: own, newestAt, mirrors }: RelayedVolume,
  store: RelayStore,
  media: FurtherMedia,
  { room, folder, record, bytesPerSecond, steering, log, notice, now }: RelayParts,
): Promise<LiveVolume> {
  const first = { to: name, volume: new LateVolume(name, 'file', () => Promise.resolve(store.first)) };
  await first.volume.open();
  const config: LiveVolumeConfig = { lu: name, portals: [], mirrors: [...mirrors] };
  return LiveVolume.open(
    config,
    {
      room,
      folder,
      record,
      ...(bytesPerSecond === undefined ? {} : { bytesPerSecond }),
      ...steering,
      // What the store is given while this process does not run nobody gives it.
      looking: true,
      synced: false,
      copyAfterMs: 0,
      settleMs: 0,
      now,
      wall: Date.now,
      notice,
      told: (lu, mirror, change) => logState(log, { lu, mirror, ...change }),
      outstanding: () => store.outstanding(),
      copyOut: (to, volume, losses) => media.copyOut(to, volume, losses),
      upstream: { consistent: own.consistent, at: newestAt, loose: () => store.loose() },
    },
    first,
    media.all,
  );
}
