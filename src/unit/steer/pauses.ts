import { type PausedMirror, readPaused, writePaused } from '../../../hw/pausedFile.ts';
import { Fault } from '../../base/fault.ts';

/** Mirrors that somebody paused: they take nothing until somebody resumes them, whenever the unit starts again. */
export class Pauses {
  readonly #folder: string;
  readonly #mirrors: Map<string, PausedMirror>;

  private constructor(folder: string, mirrors: readonly PausedMirror[]) {
    this.#folder = folder;
    this.#mirrors = new Map(mirrors.map((one) => [keyOf(one), one]));
  }

  /** As they were when the unit ended last. */
  static async open(folder: string): Promise<Pauses> {
    return new Pauses(folder, await readPaused(folder));
  }

  /** Why the mirror takes nothing; undefined where nobody paused it. */
  fault(volume: string, mirror: string): Fault | undefined {
    const paused = this.#mirrors.get(keyOf({ volume, mirror }));
    if (paused === undefined) return undefined;
    return new Fault('local', `paused by ${paused.by} at ${paused.at}`, '`tapmirror resume` lets it go on');
  }

  /** Durable when it resolves. One that is paused already stays so by whom it was. */
  async add(mirrors: readonly PausedMirror[]): Promise<void> {
    const all = new Map(this.#mirrors);
    for (const one of mirrors) if (!all.has(keyOf(one))) all.set(keyOf(one), one);
    await this.#write(all);
  }

  /** Durable when it resolves. */
  async remove(mirrors: readonly Pick<PausedMirror, 'volume' | 'mirror'>[]): Promise<void> {
    const all = new Map(this.#mirrors);
    for (const one of mirrors) all.delete(keyOf(one));
    await this.#write(all);
  }

  async #write(all: ReadonlyMap<string, PausedMirror>): Promise<void> {
    await writePaused(this.#folder, [...all.values()]);
    this.#mirrors.clear();
    for (const [key, one] of all) this.#mirrors.set(key, one);
  }
}

function keyOf({ volume, mirror }: Pick<PausedMirror, 'volume' | 'mirror'>): string {
  return JSON.stringify([volume, mirror]);
}
