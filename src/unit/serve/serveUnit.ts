import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { openTargetFile } from '../../../hw/targetFile.ts';
import { Fault } from '../../base/fault.ts';
import type { ServeConfig, ServeMoment, ServeSource } from '../config/configTypes.ts';
import type { FirstNames } from '../live/firstNames.ts';
import { type Identity, medium } from '../lu/media.ts';
import type { ReceivedVolume } from '../received/receivedVolume.ts';
import type { MomentWord } from '../watch/momentWords.ts';
import type { PromotionReport } from '../watch/status.ts';
import { Serve, type ServeStatus } from './serve.ts';
import { PromotedMirror } from './servedMirror.ts';
import { PromotedReceived } from './servedReceived.ts';
import { HELD, receivedKey, type ServePromotions, type UnitMirror } from './servePromotions.ts';
import type { OpenedMedium, ServeIdentity, ServeLun } from './serveTypes.ts';
import { ServeVolume } from './serveVolume.ts';

export interface UnitServeParts {
  config: ServeConfig;
  /** The unit's state folder. */
  folder: string;
  identity: Identity;
  promotions: ServePromotions;
  /** What hosts know the first volumes by. */
  names: FirstNames;
  /** A mirror of the unit by its URL. */
  mirror: (to: string) => UnitMirror | undefined;
  /** A volume that comes over a link. Throws a `Fault` where there is none of that name. */
  received: (volume: string) => ReceivedVolume;
  /** Has nobody send such a volume, for this reason, or lets them again. */
  hold: (volume: string, why: string | undefined) => Promise<void>;
  notice: (text: string) => void;
  now: () => number;
}

/** A logical unit of a volume that can be given to hosts in place of the first. */
interface Promotable {
  target: string;
  lun: ServeLun<ServeSource>;
  /** Its name among what was promoted. */
  key: string;
  /** What the first volume's names are kept under. */
  first: string;
  promote(force: boolean): Promise<void>;
  demote(): Promise<void>;
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
  async promote(volume: string, force: boolean): Promise<PromotionReport> {
    const served = this.#promotable(volume);
    // Whoever was told to stand in for the first volume must be able to, before anything else is done.
    for (const { lun, first } of served) if (lun.asFirst) await this.#parts.names.required(first);
    for (const one of served) await one.promote(force);
    for (const { target, lun } of served) await this.#serve?.replace(target, lun);
    return reportOf(served);
  }

  /** The same the other way round. What hosts wrote is given up where the first volume differs. */
  async demote(volume: string): Promise<PromotionReport> {
    const served = this.#promotable(volume);
    if (!served.some(({ key }) => this.#parts.promotions.has(key))) {
      throw new Fault('peer', `nothing of ${volume} is promoted`, 'see `tapmirror status`');
    }
    for (const { target, lun, demote } of served) {
      await this.#serve?.remove(target, lun.lun);
      await demote();
      await this.#serve?.replace(target, lun);
    }
    return reportOf(served);
  }

  close(withinMs: number): Promise<void> {
    return this.#serve?.close(withinMs) ?? Promise.resolve();
  }

  #promotable(volume: string): Promotable[] {
    const found = this.#parts.config.targets.flatMap(({ name, luns }) =>
      luns.flatMap((lun) => {
        const way = this.#way(lun.from, volume);
        return way === undefined ? [] : [{ target: name, lun, ...way }];
      }),
    );
    if (found.length > 0) return found;
    const mend = 'write it in serve.targets: {"lun": 0, "mirror": "file:PATH"}, or "received": NAME';
    throw new Fault('peer', `no mirror of ${JSON.stringify(volume)} is served by this unit`, mend);
  }

  /** How what a logical unit serves is promoted; undefined where it is none of the volume. */
  #way(from: ServeSource, volume: string): Omit<Promotable, 'target' | 'lun'> | undefined {
    const { promotions, mirror: find, received } = this.#parts;
    if (from.kind === 'mirror') {
      const mirror = find(from.to);
      if (mirror === undefined || ![mirror.lu, mirror.name, mirror.to].includes(volume)) return undefined;
      const { to, lu } = mirror;
      return {
        key: to,
        first: lu,
        promote: (force) => promotions.promote(mirror, force),
        demote: () => promotions.demote(to),
      };
    }
    if (from.kind !== 'received' || from.volume !== volume) return undefined;
    const key = receivedKey(volume);
    return {
      key,
      first: volume,
      promote: (force) => this.#promoteReceived(received(volume), force),
      demote: async () => {
        // Whoever sends it finds another one than it was, and compares all of it.
        const { history } = received(volume);
        await history.rollBack(history.moments().newest.sequence, { force: true });
        await promotions.demote(key);
        this.#parts.hold(volume, undefined);
      },
    };
  }

  async #promoteReceived(volume: ReceivedVolume, force: boolean): Promise<void> {
    const { promotions, hold } = this.#parts;
    const { name, history } = volume;
    const { newest } = history.moments();
    if (!promotions.has(receivedKey(name)) && !force && !newest.consistent) {
      const what = `the newest moment of ${name} is inconsistent: what it holds may never have been on the first volume together`;
      throw new Fault(
        'peer',
        what,
        'roll it back to one that is not (`tapmirror rewind --in-place`), wait, or force it',
      );
    }
    await hold(name, HELD);
    await promotions.add(receivedKey(name));
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
      case 'received':
        return this.#openReceived(from.volume, lun);
      case 'moment':
        return this.#openMoment(from);
    }
  }

  async #openMirror(to: string, { identity, asFirst }: ServeLun<ServeSource>): Promise<OpenedMedium> {
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
    const names = asFirst ? { identity: await this.#parts.names.required(mirror.lu) } : {};
    return { medium: new PromotedMirror(volume, mirror.keeper.record), writable: true, ...names, ...size };
  }

  async #openReceived(name: string, { blockSize, asFirst }: ServeLun<ServeSource>): Promise<OpenedMedium> {
    const { store } = this.#parts.received(name);
    if (!this.#parts.promotions.has(receivedKey(name))) {
      throw new Fault('local', `${name} is not promoted`, '`tapmirror promote` does that', { unreachable: true });
    }
    const size = blockSize === undefined ? { blockSize: store.blockSize } : {};
    const names = asFirst ? { identity: await this.#parts.names.required(name) } : {};
    return { medium: new PromotedReceived(store), writable: true, ...names, ...size };
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

function reportOf(served: readonly Promotable[]): PromotionReport {
  return served.map(({ key, target, lun }) => ({ mirror: key, target, lun: lun.lun }));
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
