import { join } from 'node:path';
import type { LuNames } from '../../../parsers/formats/luNames.ts';
import type { LuId } from '../../base/change.ts';
import type { Fault } from '../../base/fault.ts';
import type { Volume } from '../../base/volume.ts';
import type { LiveMirrorConfig, LiveVolumeConfig, MediumConfig } from '../config/configTypes.ts';
import { forgetTable } from '../live/liveRecord.ts';
import type { Medium } from '../live/liveTypes.ts';
import { isLink, MediaInUse } from '../live/mediaInUse.ts';
import { recordFileName } from '../live/storedRecord.ts';
import { medium } from '../lu/media.ts';
import { refuseTwins } from '../lu/twins.ts';
import type { LinkCopyOut } from '../mirror/recall.ts';
import type { VolumeStatus } from '../watch/status.ts';
import type { BusConfig, BusParts } from './bus.ts';

/** A volume and its media, open or waited for. */
interface Planned {
  config: LiveVolumeConfig;
  first: Medium | undefined;
  mirrors: Medium[];
}

/** The media of a bus's volumes: opened together, links last, and closed by whoever has them at the end. */
export class BusMedia {
  readonly #config: BusConfig;
  readonly #parts: BusParts;
  readonly #media: MediaInUse;
  readonly #firsts = new Map<LuId, Medium>();

  constructor(config: BusConfig, parts: BusParts) {
    this.#config = config;
    this.#parts = parts;
    const { folder, media, notice, now } = parts;
    let spills = 0;
    const spillPath = (): string => join(folder, `${++spills}.spill`);
    this.#media = new MediaInUse({ media, spillPath, spillBytes: config.spill.bytes, notice, now });
  }

  /** Rejects with a `Fault` for what somebody has to mend. */
  async open(): Promise<Planned[]> {
    const planned = this.#config.volumes.map((volume) => this.#plan(volume));
    const begin = (links: boolean): Promise<unknown> =>
      Promise.all(
        this.#media.all.filter(({ volume }) => isLink(volume) === links).map((one) => this.#media.begin(one)),
      );
    await begin(false);
    // The far end is told how long the first volume is and what hosts know it by: links come last.
    await Promise.all(planned.map(({ config }) => this.#recall(config.lu)));
    await begin(true);
    refuseTwins(planned.flatMap(({ mirrors }) => mirrors.map(({ to, volume }) => ({ name: to, volume }))));
    return planned;
  }

  /** Those that no volume took over; closing twice does nothing. */
  close(): Promise<void> {
    return this.#media.close();
  }

  /** With what is known of its links. */
  withLinks(volumes: readonly VolumeStatus[]): VolumeStatus[] {
    return volumes.map((status) => {
      const mirrors = status.mirrors.map((one) => {
        const link = this.#media.link(one.to);
        return link === undefined ? one : { ...one, link };
      });
      return { ...status, mirrors };
    });
  }

  /** Temporary storage for what a link has no room for, beside a local mirror (C4). */
  copyOut(to: string, volume: Volume, losses: () => number): Promise<LinkCopyOut> {
    return this.#media.copyOut(to, volume, losses);
  }

  /** One more mirror, opened. Rejects with a `Fault`, also where it does not answer, and nothing of it is left then. */
  async openOne(config: LiveVolumeConfig, mirror: LiveMirrorConfig, tabled: boolean): Promise<Medium> {
    if (tabled) await forgetTable(this.#parts.folder, config.lu, mirror.to);
    const made = this.#make(config, mirror, true, tabled);
    await this.#media.openNow(made);
    return made;
  }

  /** It is none of this unit's media any more. */
  forget(volume: Volume): Promise<void> {
    return this.#media.forget(volume);
  }

  #plan(config: LiveVolumeConfig): Planned {
    const tabled = config.blockTable === true ? config.mirrors.find(({ kind }) => kind === 'file') : undefined;
    const first = config.first && this.#make(config, config.first, false, false);
    if (first) this.#firsts.set(config.lu, first);
    return { config, first, mirrors: config.mirrors.map((one) => this.#make(config, one, true, one === tabled)) };
  }

  #make(
    { lu, blockSize }: LiveVolumeConfig,
    one: MediumConfig | LiveMirrorConfig,
    writable: boolean,
    tabled: boolean,
  ): Medium {
    const { identity, media, names, notice, now, folder, wrap } = this.#parts;
    const { tls } = this.#config;
    const mirrored = (): { bytes: number; blockSize: number } => {
      const opened = this.#firsts.get(lu)?.volume.opened;
      return { bytes: opened ? opened.blocks * opened.blockSize : 0, blockSize: opened?.blockSize ?? 0 };
    };
    const use = {
      ...{ writable, notice, check: media.checkOf(one.to), now, mirrored },
      ...(writable ? {} : { learned: (said: LuNames) => names.learn(lu, said) }),
      about: () => names.about(lu),
      ...(tls ? { tls } : {}),
      ...(blockSize === undefined ? {} : { blockSize }),
      ...(tabled ? { table: join(folder, recordFileName(lu, one.to, 'blocks')) } : {}),
      ...(writable && wrap ? { wrap: (volume: Volume) => wrap(one.to, volume) } : {}),
    };
    const made = { to: one.to, volume: medium(one, identity, use) };
    this.#media.add(made);
    return made;
  }

  /** What was learnt of a first volume that is away now. */
  async #recall(lu: LuId): Promise<void> {
    await this.#parts.names.of(lu).catch((fault: Fault) => this.#parts.notice(fault.message));
  }
}
