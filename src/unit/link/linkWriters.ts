import { readWriter, writeWriter } from '../../../hw/writerFile.ts';
import type { Refusal } from '../../../parsers/formats/linkGreeting.ts';
import { faultOf } from '../../base/fault.ts';

/** Who may send a volume. */
export interface LinkWriters {
  /** Undefined where the unit, by the name that it has proved, may; else words for both ends. Never rejects. */
  admit(volume: string, unit: string): Promise<Refusal | undefined>;
}

export interface KeptWritersOptions {
  /** The names that the configuration gives for a volume; undefined: none. */
  from: (volume: string) => readonly string[] | undefined;
  /** Where the first sender of a volume is kept. */
  path: (volume: string) => string;
  notice: (text: string) => void;
}

/**
 * The units that the configuration names; for a volume without such names the first one that ever sent it, which is kept
 * before it is welcomed. The file is read each time: who deletes it lets another unit in.
 */
export class KeptWriters implements LinkWriters {
  readonly #options: KeptWritersOptions;
  /** Two that are the first at the same time come one after the other. */
  readonly #turns = new Map<string, Promise<unknown>>();

  constructor(options: KeptWritersOptions) {
    this.#options = options;
  }

  admit(volume: string, unit: string): Promise<Refusal | undefined> {
    const turn = (this.#turns.get(volume) ?? Promise.resolve()).then(() => this.#admit(volume, unit));
    this.#turns.set(volume, turn);
    return turn;
  }

  async #admit(volume: string, unit: string): Promise<Refusal | undefined> {
    const { from, path, notice } = this.#options;
    const named = from(volume);
    if (named !== undefined) {
      return named.includes(unit) ? undefined : refusal(volume, unit, named, `add ${quoted(unit)} to its "from"`);
    }
    const file = path(volume);
    try {
      const first = await readWriter(file);
      if (first === unit) return undefined;
      if (first !== undefined) {
        const mend = `write "from": [${quoted(unit)}] at the volume, or delete ${file}: the next sender is taken then`;
        return refusal(volume, unit, [first], mend);
      }
      await writeWriter(file, unit);
      notice(`volume ${volume}: unit ${unit} is its sender from now on, and no other is taken (${file})`);
      return undefined;
    } catch (error) {
      const { message, mend } = faultOf(error);
      return { words: message, mend: mend ?? '', again: true };
    }
  }
}

function refusal(volume: string, unit: string, taken: readonly string[], mend: string): Refusal {
  const who = taken.length === 1 ? `unit ${taken[0]}` : `units ${taken.join(', ')}`;
  return {
    words: `volume ${volume} takes changes of ${who} only, and this is unit ${unit}`,
    mend: `at the receiver, ${mend}`,
    again: false,
  };
}

function quoted(name: string): string {
  return JSON.stringify(name);
}
