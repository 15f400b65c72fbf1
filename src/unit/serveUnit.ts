import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { openTargetFile } from '../../hw/targetFile.ts';
import { Fault } from '../base/fault.ts';
import type { ServeConfig, ServeMoment, ServeSource } from './configTypes.ts';
import { type Identity, medium } from './media.ts';
import type { MomentWord } from './momentWords.ts';
import type { ReceivedVolume } from './receivedVolume.ts';
import { Serve, type ServeStatus } from './serve.ts';
import { PromotedMirror } from './servedMirror.ts';
import type { ServePromotions, UnitMirror } from './servePromotions.ts';
import type { OpenedMedium, ServeIdentity, ServeLun } from './serveTypes.ts';
import { ServeVolume } from './serveVolume.ts';

export interface UnitServeParts {
  config: ServeConfig;
  /** The unit's state folder. */
  folder: string;
  identity: Identity;
  promotions: ServePromotions;
  /** A mirror of the unit by its URL. */
  mirror: (to: string) => UnitMirror | undefined;
  /** A volume that comes over a link. Throws a `Fault` where there is none of that name. */
  received: (volume: string) => ReceivedVolume;
  notice: (text: string) => void;
  now: () => number;
}

/** How often media that could not be reached are tried again. */
const RETRY_MS = 2000;

/** What a unit serves as an iSCSI target: files, LUs elsewhere, its mirrors, moments of the past. */
export class UnitServe {
  readonly #parts: UnitServeParts;
  #serve: Serve<ServeSource> | undefined;
  #retryAt = 0;

  constructor(parts: UnitServeParts) {
    this.#parts = parts;
  }

  /** Rejects with a `Fault` for what somebody has to mend. */
  async start(): Promise<void> {
    const { config, folder, identity, notice } = this.#parts;
    const nameOf = (lun: ServeLun<ServeSource>, target: string): string => `${target} ${lun.lun}`;
    this.#serve = await Serve.open<ServeSource>({
      options: config,
      open: (lun) => this.#open(lun),
      statePath: (lun, target) => join(folder, `serve-${hash(nameOf(lun, target)).slice(0, 16)}.lu`),
      nameless: (lun, target) => `${identity.unit} ${nameOf(lun, target)}`,
      notice,
    });
  }

  /** For people; empty before it listens. */
  get text(): string {
    return this.#serve === undefined ? '' : `serving at ${this.#serve.portals.join(', ')}`;
  }

  status(): ServeStatus | undefined {
    return this.#serve?.status();
  }

  tick(): void {
    const now = performance.now();
    if (now < this.#retryAt) return;
    this.#retryAt = now + RETRY_MS;
    void this.#serve?.retry().catch((error: unknown) => {
      this.#parts.notice(`a logical unit is not served: ${error instanceof Error ? error.message : String(error)}`);
    });
  }

  /** Gives hosts a mirror to write to, or takes it back. Rejects with a `Fault`, and then all is as it was. */
  async promote(volume: string, force: boolean): Promise<{ mirror: string; target: string; lun: number }[]> {
    const served = this.#servedMirrors(volume);
    for (const { mirror } of served) await this.#parts.promotions.promote(mirror, force);
    for (const { target, lun } of served) await this.#serve?.replace(target, lun);
    return served.map(({ target, lun, mirror }) => ({ mirror: mirror.to, target, lun: lun.lun }));
  }

  /** The same the other way round. What hosts wrote is given up where the first volume differs. */
  async demote(volume: string): Promise<{ mirror: string; target: string; lun: number }[]> {
    const served = this.#servedMirrors(volume);
    const { promotions } = this.#parts;
    if (!served.some(({ mirror }) => promotions.has(mirror.to))) {
      throw new Fault('peer', `no mirror of ${volume} is promoted`, 'see `tapmirror status`');
    }
    for (const { target, lun, mirror } of served) {
      await this.#serve?.remove(target, lun.lun);
      await promotions.demote(mirror.to);
      await this.#serve?.replace(target, lun);
    }
    return served.map(({ target, lun, mirror }) => ({ mirror: mirror.to, target, lun: lun.lun }));
  }

  close(withinMs: number): Promise<void> {
    return this.#serve?.close(withinMs) ?? Promise.resolve();
  }

  #servedMirrors(volume: string): { target: string; lun: ServeLun<ServeSource>; mirror: UnitMirror }[] {
    const { config, mirror: find } = this.#parts;
    const found = config.targets.flatMap(({ name, luns }) =>
      luns.flatMap((lun) => {
        const mirror = lun.from.kind === 'mirror' ? find(lun.from.to) : undefined;
        const wanted = mirror !== undefined && [mirror.lu, mirror.name, mirror.to].includes(volume);
        return wanted ? [{ target: name, lun, mirror }] : [];
      }),
    );
    if (found.length > 0) return found;
    const mend = 'name a mirror of it in serve.targets: {"lun": 0, "mirror": "file:PATH"}';
    throw new Fault('peer', `no mirror of ${JSON.stringify(volume)} is served by this unit`, mend);
  }

  async #open(lun: ServeLun<ServeSource>): Promise<OpenedMedium> {
    const { from, thin, readOnly, blockSize } = lun;
    switch (from.kind) {
      case 'file': {
        const writable = !readOnly;
        return { medium: await openTargetFile(from.path, { writable, thin }), writable };
      }
      case 'lu': {
        const { identity, notice, now } = this.#parts;
        const mirrored = () => ({ bytes: 0, blockSize: 0 });
        const size = blockSize === undefined ? {} : { blockSize };
        const volume = medium(from, identity, { writable: !readOnly, notice, mirrored, now, ...size });
        await volume.open();
        return {
          medium: new ServeVolume(volume, { ours: true, thin }),
          blockSize: volume.blockSize,
          writable: !readOnly,
        };
      }
      case 'mirror':
        return this.#openMirror(from.to, lun);
      case 'moment':
        return this.#openMoment(from);
    }
  }

  #openMirror(to: string, { identity }: ServeLun<ServeSource>): OpenedMedium {
    const { mirror: find, promotions } = this.#parts;
    const mirror = find(to);
    const volume = promotions.medium(to);
    if (mirror === undefined || volume === undefined || volume.blocks === 0) {
      throw new Fault('local', `the mirror ${to} has not been reached yet`, undefined, { unreachable: true });
    }
    const { blockSize } = volume;
    const size = mirror.arm.volume.blockSize === blockSize ? {} : { blockSize };
    if (!promotions.has(to)) {
      // Two disks of one name, of which one is behind: hosts would take them for two ways to one.
      const medium = new ServeVolume(volume, { ours: false, thin: false });
      return { medium, writable: false, identity: lookOf(identity), ...size };
    }
    return { medium: new PromotedMirror(volume, mirror.keeper.record), writable: true, ...size };
  }

  async #openMoment({ volume, at, scratch, force }: ServeMoment): Promise<OpenedMedium> {
    const view = await this.#parts.received(volume).view(wordOf(at), { force, ...(scratch ? { scratch } : {}) });
    const medium = new ServeVolume(view, { ours: true, thin: false });
    return { medium, blockSize: view.blockSize, writable: view.writable };
  }
}

/** Vendor and product alone. */
function lookOf({ vendor, product }: ServeIdentity): ServeIdentity {
  return { ...(vendor === undefined ? {} : { vendor }), ...(product === undefined ? {} : { product }) };
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** A bookmark, a sequence or a time in ISO 8601. */
function wordOf(words: string): MomentWord {
  const time = /^\d{4}-\d\d-\d\d/.test(words) ? Date.parse(words) : Number.NaN;
  return {
    words,
    mark: words,
    ...(/^\d{1,15}$/.test(words) ? { sequence: Number(words) } : {}),
    ...(Number.isNaN(time) ? {} : { time: BigInt(time) * 1_000_000n }),
  };
}
