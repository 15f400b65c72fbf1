import { type ChangedMirror, writeChanged } from '../../../hw/changedFile.ts';
import type { Log } from '../../../hw/log.ts';
import { Fault } from '../../base/fault.ts';
import { withoutSecret } from '../../base/luUrl.ts';
import type { Volume } from '../../base/volume.ts';
import type { UnitMirrors } from '../config/config.ts';
import type { LiveConfig, LiveMirrorConfig, LiveVolumeConfig } from '../config/configTypes.ts';
import type { Left } from '../live/liveLeave.ts';
import type { Medium } from '../live/liveTypes.ts';
import type { LiveVolume } from '../live/liveVolume.ts';
import type { Arm } from '../mirror/arm.ts';
import type { Jobs } from './jobs.ts';
import type { AddedReport, AddOrder, ChangedStatus, RemovedReport, RemoveOrder } from './mirrorChangesTypes.ts';
import { changedStatus, changedWords } from './mirrorChangesWords.ts';
import type { Pauses } from './pauses.ts';

/** A volume to which mirrors may be added while the unit runs. */
export interface ChangingVolume {
  live: LiveVolume;
  /** Opens the medium of one more mirror; rejects with a `Fault`, also where it does not answer. */
  open: (config: LiveVolumeConfig, mirror: LiveMirrorConfig) => Promise<Medium>;
  /** The medium is none of the unit's any more. */
  forget: (volume: Volume) => Promise<void>;
  /** Mirrors that it has at least. */
  least: number;
  /** The number that was given last of the order that the volume shares with others (C5). */
  order?: () => number;
}

export interface MirrorChangesParts {
  /** The unit's state folder. */
  folder: string;
  /** What the configuration names; absent: nobody knows. */
  mirrors: UnitMirrors | undefined;
  volumes: () => readonly ChangingVolume[];
  /** Names of volumes that come over links, whether they are passed on or not. */
  received: readonly string[];
  pauses: () => Pauses | undefined;
  jobs: Jobs;
  log: Log;
  notice: (text: string) => void;
}

interface Leaving {
  hurry: AbortController;
  gone: Promise<RemovedReport>;
}

/** What operators change of a unit's mirrors while it runs. */
export type MirrorChanging = Pick<MirrorChanges, 'add' | 'remove'>;

/** The mirrors of a unit, changed while it runs: what is other than its configuration is kept in its state folder. */
export class MirrorChanges {
  readonly #parts: MirrorChangesParts;
  /** In which the unit differs from its configuration. */
  #lasting: readonly ChangedMirror[];
  /** One change after the other. */
  #last: Promise<unknown> = Promise.resolve();
  readonly #leaving = new Map<string, Leaving>();
  #stopped = false;

  constructor(parts: MirrorChangesParts) {
    this.#parts = parts;
    this.#lasting = parts.mirrors?.lasting ?? [];
  }

  /** What the configuration has by now is forgotten. Rejects with a `Fault`. */
  async start(): Promise<void> {
    const { folder, mirrors, notice } = this.#parts;
    if (mirrors && mirrors.over.length > 0) await writeChanged(folder, mirrors.lasting);
    for (const change of this.status) {
      const { words, mend } = changedWords(change);
      notice(`${words}; ${mend}`);
    }
  }

  /** Nothing is begun any more; resolves when what was begun is done. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#last.catch(() => {});
  }

  /** Those that were being removed have gone. */
  async gone(): Promise<void> {
    await Promise.allSettled([...this.#leaving.values()].map(({ gone }) => gone));
  }

  /** In which the unit differs from its configuration. */
  get status(): ChangedStatus[] {
    return this.#lasting.map(changedStatus);
  }

  /** One more mirror for a volume, which is compared whole. Rejects with a `Fault`: then nothing has changed. */
  add(order: AddOrder): Promise<AddedReport> {
    return this.#next(() => this.#add(order));
  }

  /** A mirror less. Rejects with a `Fault` where it is still there. */
  async remove(order: RemoveOrder): Promise<RemovedReport> {
    const { volume, mirror, now } = order;
    const under = this.#leaving.get(keyOf(this.#choose(volume).live.lu, mirror));
    if (under) {
      if (now) under.hurry.abort();
      return under.gone;
    }
    const { gone } = await this.#next(() => this.#remove(order));
    return gone;
  }

  async #add({ volume, as, by }: AddOrder): Promise<AddedReport> {
    const { log, jobs, pauses } = this.#parts;
    const changing = this.#choose(volume);
    const { live } = changing;
    const to = toOf(as);
    if (!live.hasFirst) {
      const mend = 'name it in "first", and start the unit again';
      throw new Fault(
        'peer',
        `${live.name ?? live.lu} has no first volume that a new mirror could be copied from`,
        mend,
      );
    }
    if (this.#leaving.has(keyOf(live.lu, to))) {
      throw new Fault('peer', `${to} is still being removed`, 'wait for that: `tapmirror jobs`');
    }
    const { config, lasting } = await this.#amend(this.#with({ volume: live.lu, to, as, by }));
    const known = new Set(live.unit.arms.map((arm) => arm.to));
    const { volumeConfig, mirrors } = mirrorsIn(config, live.lu);
    const mirror = mirrors.find((one) => !known.has(one.to));
    if (mirror === undefined) throw new Fault('peer', `${to} is a mirror of ${live.name ?? live.lu} already`);
    const medium = await changing.open(volumeConfig, mirror);
    try {
      await pauses()?.remove([{ volume: live.lu, mirror: mirror.to }]);
      await live.mirrors.join(medium, mirror, { order: changing.order?.(), commit: () => this.#commit(lasting) });
    } catch (error) {
      await changing.forget(medium.volume);
      throw error;
    }
    log.info('add mirror', { volume: live.lu, mirror: mirror.to, by });
    const all = this.#parts.volumes().map((one) => one.live.status());
    const { state, behindBytes } =
      all.find(({ lu }) => lu === live.lu)?.mirrors.find((one) => one.to === mirror.to) ?? {};
    const job = jobs.list(all).find((one) => one.kind === 'resync' && one.mirror === mirror.to);
    return {
      volume: live.lu,
      mirror: mirror.to,
      state: state ?? 'behind',
      behindBytes: behindBytes ?? 0,
      job: job?.id ?? null,
      configuration: this.#wanted(live.lu, mirror.to),
    };
  }

  async #remove({ volume, mirror, by, now, progress }: RemoveOrder): Promise<Leaving> {
    const { log } = this.#parts;
    const changing = this.#choose(volume);
    const { live } = changing;
    const arm = armOf(live, mirror);
    const leaving = live.unit.arms.filter(({ to }) => this.#leaving.has(keyOf(live.lu, to))).length;
    if (live.unit.arms.length - leaving <= changing.least) {
      const mend = 'add another mirror first, or take the volume out of the configuration';
      throw new Fault('peer', `${mirror} is the last mirror of ${live.name ?? live.lu}`, mend);
    }
    const { config, lasting } = await this.#amend(this.#without({ volume: live.lu, mirror, by }));
    refuseServed(config, mirror);
    const hurry = new AbortController();
    if (now) hurry.abort();
    const key = keyOf(live.lu, mirror);
    let begun: (leaving: Leaving) => void = () => {};
    let failed: (error: unknown) => void = () => {};
    const committed = new Promise<Leaving>((resolve, reject) => {
      [begun, failed] = [resolve, reject];
    });
    const commit = async (): Promise<void> => {
      await this.#commit(lasting);
      log.info('remove mirror', { volume: live.lu, mirror, by, now });
      const leaving = { hurry, gone };
      this.#leaving.set(key, leaving);
      begun(leaving);
    };
    const gone: Promise<RemovedReport> = live.mirrors
      .leave(arm, { commit, hurry: hurry.signal, progress })
      .then(async (left) => {
        await changing.forget(arm.volume);
        await this.#parts.pauses()?.remove([{ volume: live.lu, mirror }]);
        return this.#removed(live.lu, mirror, left);
      })
      .finally(() => this.#leaving.delete(key));
    gone.catch(failed);
    return committed;
  }

  #removed(volume: string, mirror: string, { state, droppedBytes }: Left): RemovedReport {
    return { volume, mirror, state, droppedBytes, configuration: this.#wanted(volume, mirror) };
  }

  /** What the configuration should say, where it says something else. */
  #wanted(volume: string, mirror: string): ChangedStatus | null {
    const change = this.#lasting.find((one) => one.volume === volume && one.mirror === mirror);
    return change === undefined ? null : changedStatus(change);
  }

  #with({ volume, to, as, by }: { volume: string; to: string; as: unknown; by: string }): ChangedMirror[] {
    const mirrors = this.#known();
    const removed = this.#lasting.find(
      (one) => one.volume === volume && one.change === 'removed' && mirrors.same(one.mirror, as),
    );
    if (removed === undefined) {
      return [...this.#lasting, { volume, mirror: to, change: 'added', as, by, at: nowWords() }];
    }
    if (mirrors.written(volume, as) === 'so') return this.#lasting.filter((one) => one !== removed);
    const mend =
      'give its URL alone: what the configuration says of it holds; or change it there, and start the unit again';
    throw new Fault('peer', `the configuration names ${to} with other keys`, mend);
  }

  #without({ volume, mirror, by }: { volume: string; mirror: string; by: string }): ChangedMirror[] {
    const added = this.#lasting.find((one) => one.volume === volume && one.change === 'added' && one.mirror === mirror);
    if (added) return this.#lasting.filter((one) => one !== added);
    return [...this.#lasting, { volume, mirror, change: 'removed', by, at: nowWords() }];
  }

  async #amend(changes: readonly ChangedMirror[]): ReturnType<UnitMirrors['amend']> {
    return this.#known().amend(changes);
  }

  async #commit(lasting: readonly ChangedMirror[]): Promise<void> {
    await writeChanged(this.#parts.folder, lasting);
    this.#lasting = lasting;
  }

  #known(): UnitMirrors {
    const { mirrors } = this.#parts;
    if (mirrors) return mirrors;
    throw new Fault('local', 'this unit was started without a configuration file', 'start it with `tapmirror run`');
  }

  /** The volume of this LU or name. Throws a `Fault`. */
  #choose(volume: string): ChangingVolume {
    const all = this.#parts.volumes();
    const found = all.find(({ live }) => volume === live.lu || volume === live.name);
    if (found) return found;
    if (this.#parts.received.includes(volume)) {
      const mend = 'write it into "mirrors" of the configuration, and start the unit again';
      throw new Fault('peer', `${volume} comes over a link and is not passed on yet`, mend);
    }
    const known = all.map(({ live }) => live.name ?? live.lu).join(', ');
    throw new Fault('peer', `there is no volume ${JSON.stringify(volume)}`, `name one of: ${known}`);
  }

  #next<T>(work: () => Promise<T>): Promise<T> {
    const next = this.#last
      .catch(() => {})
      .then(() => {
        if (this.#stopped) throw new Fault('local', 'the unit is being stopped', 'start it again first');
        return work();
      });
    this.#last = next;
    return next;
  }
}

function mirrorsIn(
  { volumes, received }: LiveConfig,
  volume: string,
): { volumeConfig: LiveVolumeConfig; mirrors: readonly LiveMirrorConfig[] } {
  const ofBus = volumes.find(({ lu }) => lu === volume);
  if (ofBus) return { volumeConfig: ofBus, mirrors: ofBus.mirrors };
  const mirrors = received.find(({ name }) => name === volume)?.further ?? [];
  return { volumeConfig: { lu: volume, portals: [], mirrors: [...mirrors] }, mirrors };
}

function armOf({ unit, name, lu }: LiveVolume, mirror: string): Arm {
  const arm = unit.arms.find(({ to }) => to === mirror);
  if (arm) return arm;
  const known = unit.arms.map(({ to }) => to).join(', ');
  throw new Fault('peer', `${name ?? lu} has no mirror ${JSON.stringify(mirror)}`, `name one of: ${known}`);
}

function refuseServed({ serve }: LiveConfig, mirror: string): void {
  const served = serve?.targets.some(({ luns }) =>
    luns.some(({ from }) => from.kind === 'mirror' && from.to === mirror),
  );
  if (!served) return;
  const mend = 'take it out of "serve" in the configuration, and start the unit again';
  throw new Fault('peer', `${mirror} is served to hosts`, mend);
}

/** The URL of a mirror as a configuration has it. Throws a `Fault` for what is none, or has a secret in it. */
function toOf(as: unknown): string {
  const to = typeof as === 'object' && as !== null && 'to' in as ? as.to : as;
  if (typeof to !== 'string') throw new Fault('peer', 'it is not said what mirror is meant', 'name its URL');
  if (!/^file:/i.test(to) && withoutSecret(to) !== to) {
    const mend = 'leave it out of the URL: --user NAME and --secret-file FILE';
    throw new Fault('peer', 'a secret on a command line is seen by every user of the machine', mend);
  }
  return to;
}

function keyOf(volume: string, mirror: string): string {
  return JSON.stringify([volume, mirror]);
}

function nowWords(): string {
  return `${new Date().toISOString().slice(0, 19)}Z`;
}
