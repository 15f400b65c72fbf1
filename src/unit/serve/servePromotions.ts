import { readPromoted, writePromoted } from '../../../hw/promoted.ts';
import { Fault } from '../../base/fault.ts';
import type { Volume } from '../../base/volume.ts';
import type { ServeConfig, ServeSource } from '../config/configTypes.ts';
import type { Keeper } from '../live/liveVolume.ts';
import { SuspendableVolume } from '../lu/suspendable.ts';
import type { Arm } from '../mirror/arm.ts';

/** A mirror of the unit, with those who look after it. */
export interface UnitMirror {
  /** The volume that is mirrored, and what people call it. */
  lu: string;
  name?: string;
  /** Its URL. */
  to: string;
  arm: Arm;
  keeper: Keeper;
  limit: number;
}

/** Mirrors that hosts can be given in place of the first volume: which of them were, and the volumes under them. */
export class ServePromotions {
  readonly #folder: string;
  readonly #served: ReadonlySet<string>;
  readonly #promoted: Set<string>;
  readonly #volumes = new Map<string, SuspendableVolume>();

  private constructor(folder: string, served: ReadonlySet<string>, promoted: readonly string[]) {
    this.#folder = folder;
    this.#served = served;
    this.#promoted = new Set(promoted);
  }

  /** As they were when the unit ended last; `served`: the URLs of mirrors that can be promoted. */
  static async open(folder: string, served: ReadonlySet<string> = new Set()): Promise<ServePromotions> {
    const promoted = await readPromoted(folder);
    const lost = promoted.find((to) => !served.has(to));
    if (lost === undefined) return new ServePromotions(folder, served, promoted);
    const mend = 'write it there again, demote it, and take it out then';
    throw new Fault('local', `${lost} is promoted, and serve.targets does not name it any more`, mend);
  }

  has(to: string): boolean {
    return this.#promoted.has(to);
  }

  /** The medium of a mirror that is served: nobody mirrors into one that was promoted. */
  wrap(to: string, volume: Volume): Volume {
    if (!this.#served.has(to)) return volume;
    const suspendable = new SuspendableVolume(volume, this.has(to) ? fault(to) : undefined);
    this.#volumes.set(to, suspendable);
    return suspendable;
  }

  /** Its medium as the unit alone sees it; undefined while it has none. */
  medium(to: string): Volume | undefined {
    return this.#volumes.get(to)?.inner;
  }

  /**
   * Nothing is mirrored into it from here on, also after a restart. Rejects with a `Fault` when it is not known to be equal to
   * the first volume, unless that is forced.
   */
  async promote({ to, arm, keeper, limit }: UnitMirror, force: boolean): Promise<void> {
    const volume = this.#volumes.get(to);
    if (volume === undefined) throw new Fault('local', `${to} has not been reached yet`, 'look after its medium first');
    const { state } = keeper.caretaker;
    const doubted = limit === 0 || keeper.record.intersects(0, limit);
    if (!this.has(to) && !force && (state !== 'equal' || doubted)) {
      const what = `${to} is ${state}, not equal to the first volume: what it holds may never have been on that together`;
      throw new Fault('peer', what, 'wait until it is equal, or force it (and check the file system on it)');
    }
    await this.add(to);
    const away = volume.suspend(fault(to));
    arm.mirror.step({ kind: 'broken', fault: fault(to) });
    arm.pump.run();
    await away;
  }

  /** The same for a volume that comes over a link, which its caller keeps from being sent. */
  async add(key: string): Promise<void> {
    await writePromoted(this.#folder, [...new Set([...this.#promoted, key])]);
    this.#promoted.add(key);
  }

  /** It is a mirror again: what was written meanwhile, on either side, is brought up to date from the first volume. */
  async demote(to: string): Promise<void> {
    this.#promoted.delete(to);
    await writePromoted(this.#folder, [...this.#promoted]);
    this.#volumes.get(to)?.resume();
  }
}

/** What a sender is told while its volume is promoted. */
export const HELD = 'the volume is promoted: hosts write to it at its far end';

/** What a volume that comes over a link is called among what was promoted; no URL of a mirror is like it. */
export function receivedKey(volume: string): string {
  return `received:${volume}`;
}

/** URLs of the unit's mirrors that the configuration serves, and keys of its volumes that come over links. */
export function servedMirrors({ targets }: ServeConfig): Set<string> {
  const keyOf = (from: ServeSource): string | undefined => {
    if (from.kind === 'received') return receivedKey(from.volume);
    return from.kind === 'mirror' ? from.to : undefined;
  };
  const all = targets.flatMap(({ luns }) => luns.map(({ from }) => keyOf(from)));
  return new Set(all.filter((to) => to !== undefined));
}

function fault(to: string): Fault {
  const what = `${to} is promoted: hosts write to it by the target`;
  return new Fault('local', what, '`tapmirror demote` makes it a mirror again', { unreachable: true });
}
