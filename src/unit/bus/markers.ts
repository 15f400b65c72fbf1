import type { Change, Piece } from '../../base/change.ts';
import { isFill, isOr } from '../../base/payload.ts';
import type { MarkerConfig } from '../config/configTypes.ts';
import { isoTime } from '../watch/momentWords.ts';

/** Bookmarks at once, and how long one more takes to be allowed: beyond it a write makes none. */
const BURST = 10;
const EACH_NS = 1e9;
/** A bookmark's name has 64 characters at most, and a time behind it takes 25. */
const NAME_MAX = 38;
const NAMES_KEPT = 4096;

/**
 * Bookmarks that hosts set (requirement C2): a write to a configured block, once it is done, makes one right behind it.
 *
 * Its name is the marker's with the time, or what the block begins with: printable text up to a NUL. A name that this process
 * has used already gets the time behind it.
 */
export class Markers {
  readonly #markers: readonly MarkerConfig[];
  readonly #notice: (text: string) => void;
  readonly #names = new Set<string>();
  /** Bookmarks that may be made, and when they were counted. */
  #credit = BURST;
  #at = 0n;

  constructor(markers: readonly MarkerConfig[], notice: (text: string) => void) {
    this.#markers = markers;
    this.#notice = notice;
  }

  /** The bookmark that the change makes, if it makes one. Its bytes are looked at before they are anybody else's. */
  nameFor(change: Change, blockSize: number): string | undefined {
    const { pieces, doubt, at } = change;
    // Without a status that says GOOD nobody knows whether it was written.
    if (pieces === 'wholeLu' || blockSize === 0 || (doubt !== undefined && doubt !== 'no-room')) return undefined;
    for (const marker of this.#markers) {
      const start = marker.lbn * blockSize;
      const piece = pieces.find(({ offset, length }) => offset <= start && offset + length > start);
      if (piece === undefined) continue;
      if (!this.#allowed(at)) {
        this.#notice(
          `bookmarks by writes to LBN ${marker.lbn} come too fast: more than one a second, some are not made`,
        );
        return undefined;
      }
      return this.#unique(marker, piece, start, blockSize, at);
    }
    return undefined;
  }

  #unique({ name, lbn }: MarkerConfig, piece: Piece, start: number, blockSize: number, at: bigint): string {
    const time = `${isoTime(at).slice(0, 23)}Z`;
    if (name !== undefined) return `${name} ${time}`;
    const text = textOf(bytesOf(piece, start, blockSize))
      .slice(0, NAME_MAX)
      .trim();
    // A number alone would be a sequence.
    const own = text === '' || /^\d+$/.test(text) ? `LBN ${lbn}${text && ` ${text}`}` : text;
    if (text !== '' && !this.#names.has(own)) {
      if (this.#names.size < NAMES_KEPT) this.#names.add(own);
      return own;
    }
    return `${own} ${time}`;
  }

  /** By the bus's own time. */
  #allowed(at: bigint): boolean {
    if (at > this.#at) {
      this.#credit = Math.min(BURST, this.#credit + Number(at - this.#at) / EACH_NS);
      this.#at = at;
    }
    if (this.#credit < 1) return false;
    this.#credit--;
    return true;
  }
}

/** What the piece says of the block at `start`, as far as it goes. */
function bytesOf({ offset, length, payload }: Piece, start: number, blockSize: number): Uint8Array {
  if (typeof payload === 'string' || isOr(payload)) return new Uint8Array(0);
  const end = Math.min(start + blockSize, offset + length) - offset;
  if (isFill(payload)) {
    const { fill } = payload;
    return new Uint8Array(Math.max(0, end - (start - offset))).map((_, i) => fill[(start - offset + i) % fill.length]);
  }
  const all = Buffer.concat(payload);
  return all.subarray(start - offset, end);
}

/** Printable characters that the bytes begin with, in UTF-8, up to a NUL or whatever else is none. */
function textOf(bytes: Uint8Array): string {
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
  const end = text.search(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\ufffd]/u);
  return (end < 0 ? text : text.slice(0, end)).trim();
}
