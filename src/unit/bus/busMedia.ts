import { join } from 'node:path';
import { openSpill } from '../../../hw/spill.ts';
import type { LuNames } from '../../../parsers/formats/luNames.ts';
import type { LuId } from '../../base/change.ts';
import { Fault } from '../../base/fault.ts';
import type { Volume } from '../../base/volume.ts';
import type { LiveMirrorConfig, LiveVolumeConfig, MediumConfig } from '../config/configTypes.ts';
import { LateOrderedVolume } from '../link/lateOrdered.ts';
import { linkWords } from '../link/linkWords.ts';
import { forgetTable } from '../live/liveRecord.ts';
import type { Medium } from '../live/liveTypes.ts';
import { recordFileName } from '../live/storedRecord.ts';
import { medium } from '../lu/media.ts';
import { refuseTwins } from '../lu/twins.ts';
import { LinkCopyOut } from '../mirror/recall.ts';
import type { MirrorStatus, VolumeStatus } from '../watch/status.ts';
import type { BusConfig, BusParts } from './bus.ts';

/** How long a start waits for the far ends of links, and who adds one. */
const LINK_MS = 3000;
const LINK_NOW_MS = 10_000;

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
  readonly #open: Medium[] = [];
  readonly #firsts = new Map<LuId, Medium>();
  readonly #copyOuts = new Map<string, LinkCopyOut>();
  #spills = 0;

  constructor(config: BusConfig, parts: BusParts) {
    this.#config = config;
    this.#parts = parts;
  }

  /** Rejects with a `Fault` for what somebody has to mend. */
  async open(): Promise<Planned[]> {
    const planned = this.#config.volumes.map((volume) => this.#plan(volume));
    const isLink = ({ volume }: Medium): boolean => volume instanceof LateOrderedVolume;
    await Promise.all(this.#open.filter((one) => !isLink(one)).map((one) => this.#tryToOpen(one)));
    // The far end is told how long the first volume is and what hosts know it by: links come last.
    await Promise.all(planned.map(({ config }) => this.#recall(config.lu)));
    await Promise.all(this.#open.filter(isLink).map((one) => this.#tryToLink(one)));
    refuseTwins(planned.flatMap(({ mirrors }) => mirrors.map(({ to, volume }) => ({ name: to, volume }))));
    return planned;
  }

  /** Those that no volume took over; closing twice does nothing. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#open.map(({ volume }) => volume.close()));
  }

  /** With what is known of its links. */
  withLinks(volumes: readonly VolumeStatus[]): VolumeStatus[] {
    const links = new Map<string, LateOrderedVolume>();
    for (const { to, volume } of this.#open) if (volume instanceof LateOrderedVolume) links.set(to, volume);
    if (links.size === 0) return [...volumes];
    return volumes.map((status) => ({ ...status, mirrors: status.mirrors.map((one) => this.#withLink(one, links)) }));
  }

  #withLink(mirror: MirrorStatus, links: ReadonlyMap<string, LateOrderedVolume>): MirrorStatus {
    const link = links.get(mirror.to)?.opened?.link;
    if (link === undefined) return mirror;
    const copyOut = this.#copyOuts.get(mirror.to)?.report;
    return { ...mirror, link: { ...linkWords(link, this.#parts.now()), ...(copyOut ? { copyOut } : {}) } };
  }

  /** Temporary storage for what a link has no room for, beside a local mirror (C4). */
  async copyOut(to: string, volume: Volume, losses: () => number): Promise<LinkCopyOut> {
    const { folder, notice } = this.#parts;
    const spill = await openSpill(join(folder, `${++this.#spills}.spill`), this.#config.spill.bytes);
    const copyOut = new LinkCopyOut({ name: to, volume, spill, notice, losses });
    this.#copyOuts.set(to, copyOut);
    return copyOut;
  }

  /** One more mirror, opened. Rejects with a `Fault`, also where it does not answer, and nothing of it is left then. */
  async openOne(config: LiveVolumeConfig, mirror: LiveMirrorConfig, tabled: boolean): Promise<Medium> {
    if (tabled) await forgetTable(this.#parts.folder, config.lu, mirror.to);
    const made = this.#make(config, mirror, true, tabled);
    try {
      await made.volume.open(mirror.kind === 'journey' ? AbortSignal.timeout(LINK_NOW_MS) : undefined);
      return made;
    } catch (error) {
      await this.forget(made.volume);
      throw error;
    }
  }

  /** It is none of this unit's media any more. */
  async forget(volume: Volume): Promise<void> {
    const at = this.#open.findIndex((one) => one.volume === volume);
    if (at < 0) return;
    const [{ to }] = this.#open.splice(at, 1);
    this.#copyOuts.delete(to);
    this.#parts.media.remove(volume);
    await volume.close().catch(() => {});
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
    media.add(made.to, made.volume);
    this.#open.push(made);
    return made;
  }

  /** What was learnt of a first volume that is away now. */
  async #recall(lu: LuId): Promise<void> {
    await this.#parts.names.of(lu).catch((fault: Fault) => this.#parts.notice(fault.message));
  }

  /** A medium that does not answer is waited for; one that refuses is a mistake. */
  async #tryToOpen({ to, volume }: Medium): Promise<void> {
    try {
      await volume.open();
    } catch (error) {
      if (!(error instanceof Fault) || !error.unreachable) throw error;
      this.#parts.notice(`${to}: ${error.message}; it is tried again`);
    }
  }

  /** Whatever another site says or does not say, the bus here does not wait for it. */
  async #tryToLink({ to, volume }: Medium): Promise<void> {
    try {
      await volume.open(AbortSignal.timeout(LINK_MS));
    } catch (error) {
      if (!(error instanceof Fault) || error.blame === 'bug') throw error;
      this.#parts.notice(`${to}: ${error.message}; it is tried again`);
    }
  }
}
