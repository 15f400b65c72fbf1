import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { openFileVolume } from '../../../hw/files.ts';
import type { Log } from '../../../hw/log.ts';
import { packageVersion } from '../../../hw/version.ts';
import type { LinkAbout } from '../../../parsers/formats/linkAbout.ts';
import { splitPortal } from '../../base/address.ts';
import { Fault } from '../../base/fault.ts';
import type { FarStore } from '../../base/ordered.ts';
import type { Volume } from '../../base/volume.ts';
import type { BlockTable } from '../../blocks/blockTable.ts';
import type { Room } from '../../buffer/room.ts';
import { tabledStore } from '../blockTable/blockTableOpen.ts';
import type { TabledStore } from '../blockTable/blockTableStore.ts';
import type { GroupConfig, LiveConfig, ReceivedVolumeConfig, TlsConfig } from '../config/configTypes.ts';
import { openHistoryStore } from '../history/historyStore.ts';
import type { HistoryStore } from '../history/historyTypes.ts';
import { openPlainStore } from '../history/plainStore.ts';
import { type RollBackOrder, type RollBackReport, rollBack } from '../history/rollBack.ts';
import { noGroup } from '../link/groupOrder.ts';
import { KeptWriters } from '../link/linkWriters.ts';
import { serveLink } from '../link/receiver.ts';
import type { LinkService } from '../link/receiverTypes.ts';
import type { FirstNames } from '../live/firstNames.ts';
import type { LiveParts, LiveVolume } from '../live/liveVolume.ts';
import type { Identity } from '../lu/media.ts';
import type { OpenMedia } from '../lu/twins.ts';
import type { ChangingVolume } from '../steer/mirrorChanges.ts';
import type { ExplainReport } from '../watch/explain.ts';
import { logState, type VolumeStatus } from '../watch/status.ts';
import type { ShortHistory } from '../watch/webHistory.ts';
import { beyondOf } from './beyond.ts';
import { ReceivedGroup } from './groupReceived.ts';
import { ReceivedVolume } from './receivedVolume.ts';
import { Relay } from './relay.ts';
import { RelayMedia } from './relayMedia.ts';

export interface ReceiveParts {
  /** Where links arrive, `IP:PORT`. */
  listen: string;
  volumes: readonly ReceivedVolumeConfig[];
  /** Of these volumes. */
  groups: readonly GroupConfig[];
  tls: TlsConfig;
  /** The unit's state folder. */
  folder: string;
  identity: Identity;
  /** For what is passed on: where it waits, and how its mirrors are kept. */
  room: Room;
  keeping: Pick<LiveConfig, 'record' | 'resync' | 'spill'>;
  media: OpenMedia;
  /** Where it is kept what hosts know the first volumes by. */
  names: FirstNames;
  log: Log;
  notice: (text: string) => void;
  /** Monotonic time in nanoseconds. */
  now: () => number;
  /** Why nobody sends the volume of that name for now; undefined where somebody may. */
  held?: (volume: string) => string | undefined;
  /** Of the mirrors that volumes are passed on to. */
  steering?: Pick<LiveParts, 'held' | 'pace'>;
  /** Given up while it is still starting. */
  signal?: AbortSignal;
}

/** A unit's far ends of links: the volumes that come over them, and the listener. */
export class Receive {
  readonly #parts: ReceiveParts;
  readonly #volumes = new Map<string, ReceivedVolume>();
  readonly #groups = new Map<string, ReceivedGroup>();
  #service: LinkService | undefined;

  constructor(parts: ReceiveParts) {
    this.#parts = parts;
  }

  /** For people; empty before it listens. */
  get text(): string {
    return this.#service === undefined ? '' : `links at ${this.#service.portal}`;
  }

  /** Those that are passed on, with the mirrors that this unit keeps of them. */
  get passedOn(): LiveVolume[] {
    return [...this.#volumes.values()].flatMap(({ passedOn }) => passedOn ?? []);
  }

  /** Those to which further mirrors may be added. */
  get changing(): ChangingVolume[] {
    return [...this.#volumes.values()].flatMap(({ passedOn: live, further: media }) => {
      if (live === undefined || media === undefined) return [];
      const open: ChangingVolume['open'] = (_, mirror) => media.openOne(mirror);
      return [{ live, open, forget: (volume) => media.forget(volume), least: 0 }];
    });
  }

  /** Opens every volume, then listens. Rejects with a `Fault` for what somebody has to mend; `stop` closes what was opened. */
  async start(): Promise<void> {
    const { listen, volumes, tls, folder, names, notice, now, signal } = this.#parts;
    for (const config of volumes) {
      signal?.throwIfAborted();
      this.#volumes.set(config.name, await this.#open(config));
    }
    for (const { name, volumes: members } of this.#parts.groups) {
      this.#groups.set(
        name,
        new ReceivedGroup(
          name,
          members.map((member) => this.volume(member)),
        ),
      );
    }
    const portal = splitPortal(listen);
    if (portal === undefined) throw new Fault('local', `receive.listen is no portal: ${listen}`, 'write IP:PORT');
    const stores = (name: string) => this.#volumes.get(name)?.store;
    const from = (name: string) => volumes.find((one) => one.name === name)?.from;
    const path = (name: string): string => join(folder, `${fileName(name)}.from`);
    const about = {
      own: () => ({ version: packageVersion(), clock: Date.now() }),
      heard: (volume: string, { first }: LinkAbout) => first && names.learn(volume, first),
      beyond: (name: string) => {
        const volume = this.#volumes.get(name);
        return volume ? beyondOf(volume.status(this.#service?.sender(name)).mirrors) : [];
      },
    };
    const writers = new KeptWriters({ from, path, notice });
    this.#service = await serveLink({ listen: portal, keys: tls, stores, writers, about, notice, now });
    for (const { name } of volumes) {
      const why = this.#parts.held?.(name);
      if (why !== undefined) void this.#service.hold(name, why);
    }
  }

  /** Nobody sends this volume until `release`. */
  async hold(volume: string, why: string): Promise<void> {
    await this.#service?.hold(volume, why);
  }

  release(volume: string): void {
    this.#service?.release(volume);
  }

  /** The volume of that name; without one the only one that there is. Throws a `Fault` where that is not clear. */
  volume(name?: string): ReceivedVolume {
    const known = [...this.#volumes.keys()];
    const found = this.#volumes.get(name ?? (known.length === 1 ? known[0] : ''));
    if (found !== undefined) return found;
    const what =
      name === undefined ? 'several volumes come over links' : `no volume ${JSON.stringify(name)} comes here`;
    throw new Fault('peer', what, `name one of: ${known.join(', ')}`);
  }

  group(name: string): ReceivedGroup {
    const found = this.#groups.get(name);
    if (found !== undefined) return found;
    throw noGroup(name, [...this.#groups.keys()]);
  }

  /** What is kept of the past of a volume, in short; undefined where nothing is. */
  history(name: string): ShortHistory | undefined {
    const volume = this.#volumes.get(name);
    return volume?.keepsHistory ? volume.shortReport() : undefined;
  }

  rollBack(name: string | undefined, order: RollBackOrder): Promise<RollBackReport> {
    const volume = this.volume(name);
    return rollBack(volume, this.#service?.sender(volume.name), order);
  }

  /** See `RunningUnit`. */
  explain(volume: string | undefined, lbn: number): ExplainReport {
    const received = this.volume(volume);
    return received.explain(lbn, this.#service?.sender(received.name));
  }

  status(): VolumeStatus[] {
    return [...this.#volumes.values()].map((volume) => volume.status(this.#service?.sender(volume.name)));
  }

  tick(): void {
    for (const volume of this.#volumes.values()) volume.tick(this.#service?.sender(volume.name));
    for (const group of this.#groups.values()) group.tick(this.#parts.now());
  }

  /** What is being passed on goes on until `signal` ends that. */
  async stop(signal: AbortSignal): Promise<void> {
    await this.#service?.close();
    await Promise.all([...this.#volumes.values()].map((volume) => volume.close(signal)));
  }

  async #open(config: ReceivedVolumeConfig): Promise<ReceivedVolume> {
    const { folder, media, log, notice, now } = this.#parts;
    const { name, mirror, history, further, blockSize } = config;
    const tell = (text: string): void => notice(`${name}: ${text}`);
    const medium = await openFileVolume(mirror.path, {
      writable: true,
      lock: true,
      ...(blockSize === undefined ? {} : { blockSize }),
    });
    try {
      media.checkOf(mirror.to)(medium);
      const keeping = await openKeeping(config, medium, folder, tell);
      const relay = further.length === 0 ? undefined : await this.#relay(config, medium, keeping);
      return new ReceivedVolume({
        name,
        to: mirror.to,
        ...keeping,
        ...(relay ? { relay } : {}),
        ...(history ? { windowMs: history.windowMs } : {}),
        now,
        told: (change) => logState(log, { lu: name, mirror: mirror.to, ...change }),
      });
    } catch (error) {
      await medium.close();
      throw error;
    }
  }

  /** Closes the store where it cannot be opened. */
  async #relay({ name, mirror, further }: ReceivedVolumeConfig, medium: Volume, keeping: Keeping): Promise<Relay> {
    const { record, resync, spill } = this.#parts.keeping;
    const { store, history } = keeping;
    const newestAt = history?.moments().newest.at ?? BigInt(Date.now()) * 1_000_000n;
    const volume = { name, store, newestAt, mirrors: further };
    const own = { name: mirror.to, volume: medium };
    try {
      const { names } = this.#parts;
      await names.of(name).catch((fault: Fault) => this.#parts.notice(fault.message));
      const about = (): LinkAbout => names.about(name);
      const media = new RelayMedia(further, store, own, { ...this.#parts, about, spillBytes: spill.bytes });
      return await Relay.open(volume, media, { ...this.#parts, record, ...resync });
    } catch (error) {
      await store.close();
      throw error;
    }
  }
}

interface Keeping {
  store: FarStore;
  history?: HistoryStore;
  table?: BlockTable;
}

async function openKeeping(
  config: ReceivedVolumeConfig,
  medium: Volume,
  folder: string,
  notice: (text: string) => void,
): Promise<Keeping> {
  let table: TabledStore | undefined;
  const kept = await openStore(config, medium, folder, notice, () => table?.lost());
  if (!config.blockTable) return kept;
  const path = join(folder, `${fileName(config.name)}.blocks`);
  table = await tabledStore(kept.store, { path, medium: config.mirror.path, notice });
  return table ? { ...kept, store: table, table: table.table } : kept;
}

async function openStore(
  { name, history }: ReceivedVolumeConfig,
  medium: Volume,
  folder: string,
  notice: (text: string) => void,
  cutting: () => void,
): Promise<Keeping> {
  if (history === undefined) {
    const statePath = join(folder, `${fileName(name)}.place`);
    return { store: await openPlainStore({ statePath, volume: medium, notice }) };
  }
  const store = await openHistoryStore({
    folder: history.folder ?? join(folder, `${fileName(name)}.queue`),
    base: medium,
    windowNs: BigInt(history.windowMs) * 1_000_000n,
    bytes: history.bytes,
    notice,
    cutting,
  });
  return { store, history: store };
}

/** `NAME-HASH`: the same for the same name, different for different ones, readable as far as a file's name allows. */
export function fileName(name: string): string {
  const readable = name.replace(/[^A-Za-z0-9.:-]+/g, '_').replace(/^[_.]+/, '');
  return `${readable}-${createHash('sha256').update(name).digest('hex').slice(0, 12)}`;
}
