import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { packageVersion } from '../../../hw/version.ts';
import { readText, replaceDurably } from '../../../hw/wholeFile.ts';
import type { LinkAbout } from '../../../parsers/formats/linkAbout.ts';
import { LU_NAMES_BYTES_MAX, type LuNames, luNamesText, readLuNames } from '../../../parsers/formats/luNames.ts';
import { Fault, isParseFault } from '../../base/fault.ts';

/**
 * What hosts know the first volumes by, as the unit met them last: once one is lost, nobody is left to ask. Kept in the
 * state folder, a file for each volume.
 */
export class FirstNames {
  readonly #folder: string;
  readonly #notice: (text: string) => void;
  /** By the volume's LU, or its name where it comes over a link. */
  readonly #known = new Map<string, LuNames>();
  #writing: Promise<void> = Promise.resolve();

  constructor(folder: string, notice: (text: string) => void) {
    this.#folder = folder;
    this.#notice = notice;
  }

  /** A first volume has said who it is. */
  learn(volume: string, names: LuNames): void {
    this.#known.set(volume, names);
    const path = this.#path(volume);
    const text = `${luNamesText(names)}\n`;
    this.#writing = this.#writing.then(async () => {
      try {
        if ((await readText(path)) !== text) await replaceDurably(path, text);
      } catch (error) {
        this.#notice(`the identity of ${volume} is not kept: ${(error as Error).message}`);
      }
    });
  }

  /** What is known of a volume; undefined where it has never been met. Rejects with a `Fault` where that cannot be read. */
  async of(volume: string): Promise<LuNames | undefined> {
    const known = this.#known.get(volume);
    if (known !== undefined) return known;
    const path = this.#path(volume);
    const text = await readText(path);
    if (text === undefined) return undefined;
    const names = text.length > LU_NAMES_BYTES_MAX ? undefined : readLuNames(text);
    if (names === undefined || isParseFault(names)) {
      const mend = 'restore it, or delete it and give the logical unit its "serial" and "naa" by hand';
      throw new Fault('local', `${path} does not say what hosts know ${volume} by`, mend);
    }
    this.#known.set(volume, names);
    return names;
  }

  /** What another unit is told of this one, and of the volume; `of` has to have looked for its names before. */
  about(volume: string): LinkAbout {
    const first = this.#known.get(volume);
    return { version: packageVersion(), clock: Date.now(), ...(first === undefined ? {} : { first }) };
  }

  /** As `of`; rejects with a `Fault` where nothing is known. */
  async required(volume: string): Promise<LuNames> {
    const names = await this.of(volume);
    if (names !== undefined) return names;
    const mend =
      'give the logical unit "serial" and "naa" in serve.targets, as hosts showed them before, in place of "identity"';
    throw new Fault('local', `the first volume of ${volume} has never said who it is`, mend);
  }

  /** Resolves when all that was learnt is written. */
  async close(): Promise<void> {
    await this.#writing;
  }

  #path(volume: string): string {
    return join(this.#folder, `first-${createHash('sha256').update(volume).digest('hex').slice(0, 16)}.json`);
  }
}
