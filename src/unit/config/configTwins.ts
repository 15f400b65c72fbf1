import type { Placed } from './configCheck.ts';
import { journeyKey } from './configLink.ts';
import type { RawMedium, RawMirror } from './configMedium.ts';
import type { Surroundings } from './configShape.ts';
import type { Mistake } from './configTree.ts';
import { luKey } from './configValues.ts';

const OWN = { file: 'a file', lu: 'a logical unit', journey: 'a volume at the far end' } as const;

/**
 * Mistakes that no value shows alone: twice the same, or a mirror that would overwrite what it is made from. What only
 * the media themselves can tell (links, two portals of one target) is found when they are opened.
 *
 * Captures and first volumes are told before the volumes, each volume before its mirrors. Values that a mistake left
 * undefined are passed over.
 */
export class Twins {
  readonly #around: Surroundings;
  readonly #book: Mistake[];
  /** What has been named, by path or LU: in words. */
  readonly #taken = new Map<string, string>();
  readonly #lus = new Map<string, string>();
  readonly #captures = new Map<string, string>();
  readonly #received = new Map<string, string>();

  constructor(around: Surroundings, book: Mistake[]) {
    this.#around = around;
    this.#book = book;
    this.#taken.set(around.self, 'the configuration file itself');
  }

  capture(capture: Placed<string>): void {
    const path = this.#around.at(capture.value);
    const other = this.#captures.get(path);
    if (other !== undefined) this.#tell(capture, `the same source as ${other}`, 'name each capture once');
    this.#captures.set(path, capture.where);
    this.#taken.set(path, `the capture ${capture.where}`);
  }

  /** A path that the unit itself uses. */
  own({ value, where }: Placed<string>): void {
    this.#taken.set(this.#around.at(value), `the unit's own ${where}`);
  }

  first(first: Placed<RawMedium>): void {
    this.#taken.set(this.#key(first.value), `the first volume ${first.where}`);
  }

  volume(lu: Placed<string> | undefined, blocks: Placed<number> | undefined, blockSize: number | undefined): void {
    if (lu !== undefined) {
      const key = luKey(lu.value);
      const other = this.#lus.get(key);
      if (other !== undefined) {
        this.#tell(lu, `the same logical unit as ${other}`, 'put its mirrors into one volume');
      }
      this.#lus.set(key, lu.where);
      // A mirror onto the very LU whose writes it repeats would see its own writes for ever.
      if (!this.#taken.has(key)) this.#taken.set(key, `the volume ${lu.where}`);
    }
    if (blocks !== undefined && blocks.value * (blockSize ?? 1) > Number.MAX_SAFE_INTEGER) {
      this.#tell(blocks, 'a capacity above 2^53-1 bytes', 'give the number of blocks, not of bytes');
    }
  }

  /** The name of a volume that comes over a link. */
  received({ value, ...place }: Placed<string>): void {
    const other = this.#received.get(value);
    if (other !== undefined)
      this.#tell({ value, ...place }, `the same name as ${other}`, 'give each a name of its own');
    this.#received.set(value, place.where);
  }

  mirror(to: Placed<RawMirror>): void {
    const key = this.#key(to.value);
    const other = this.#taken.get(key);
    if (other !== undefined) {
      const shown = to.value.kind === 'file' ? key : to.value.to;
      this.#tell(to, `a mirror onto ${shown}, which is ${other}`, `give every mirror ${OWN[to.value.kind]} of its own`);
    }
    this.#taken.set(key, `the mirror ${to.where}`);
  }

  /** What the unit serves itself is nobody else's. */
  served(from: Placed<RawMedium>): void {
    const key = this.#key(from.value);
    const other = this.#taken.get(key);
    if (other !== undefined) {
      const shown = from.value.kind === 'file' ? key : from.value.to;
      this.#tell(from, `${shown} is ${other}`, 'a mirror is served by "mirror": its URL');
    }
    this.#taken.set(key, `served already, at ${from.where}`);
  }

  #key(medium: RawMirror): string {
    return mediumKey(medium, this.#around.at);
  }

  #tell({ at, where }: Placed<unknown>, wrong: string, mend: string): void {
    this.#book.push({ at, where, wrong, mend });
  }
}

/**
 * A key under which two spellings of one medium are equal; `at` makes paths absolute. Names of targets are unique in the
 * world, so a portal tells nothing (RFC 7143 section 4.2.7.1).
 */
export function mediumKey(medium: RawMirror, at: (path: string) => string): string {
  if (medium.kind === 'journey') return journeyKey(medium);
  return medium.kind === 'file' ? at(medium.path) : luKey(`${medium.url.target}/${medium.url.lun}`);
}
