import { u16 } from '../../parsers/bytes.ts';
import { copyOf } from '../base/bytes.ts';
import { CACHING, CONTROL, pageKey } from './modeKeys.ts';
import type { ModePage } from './modePages.ts';
import { D_SENSE, modePages, SWP, TAS, WCE } from './modePages.ts';

/** PAGE CONTROL of MODE SENSE, SPC-5 section 6.14.3. */
export const CURRENT = 0;
export const CHANGEABLE = 1;
export const DEFAULT = 2;
export const SAVED = 3;

/** The mode parameters of a logical unit, shared by all nexuses (mode page policy, SPC-5 section 7.7.9). */
export class Modes {
  readonly pages: readonly ModePage[];
  #current = new Map<number, Uint8Array>();
  #saved = new Map<number, Uint8Array>();
  /** Write cache enable: writes may lie in the medium's volatile cache. */
  writeCache = false;
  /** Software write protect. */
  isProtected = false;
  /** TAS: tasks that somebody else has stopped end in TASK ABORTED. */
  tellsAborted = false;
  /** Sense data in descriptor format. */
  descriptorSense = false;

  /** `kept` is what `bytes` gave in an earlier life; pages that no longer fit it are as new. */
  constructor(cache: boolean, kept: Uint8Array | undefined) {
    this.pages = modePages(cache);
    for (const page of this.pages) this.#saved.set(page.key, page.defaults);
    if (kept !== undefined) this.#restore(kept);
    this.reset();
  }

  /** After a power on or a reset the saved values are current again (SPC-5 section 5.10). */
  reset(): void {
    for (const page of this.pages) this.#current.set(page.key, this.#saved.get(page.key) ?? page.defaults);
    this.#readFlags();
  }

  /** One page's values by PAGE CONTROL. */
  values(page: ModePage, control: number): Uint8Array {
    if (control === CHANGEABLE) return headed(page);
    if (control === DEFAULT) return page.defaults;
    return (control === SAVED ? this.#saved : this.#current).get(page.key) ?? page.defaults;
  }

  /** Takes whole pages that differ from the current ones in nothing but changeable bits. Returns whether any changed. */
  change(pages: readonly Uint8Array[], save: boolean): boolean {
    let changed = false;
    for (const bytes of pages) {
      const key = keyOf(bytes);
      changed ||= !equal(this.#current.get(key), bytes);
      this.#current.set(key, bytes);
      if (save) this.#saved.set(key, bytes);
    }
    this.#readFlags();
    return changed;
  }

  /** The saved values as `keep` keeps them: the pages one after another. */
  bytes(): Uint8Array {
    const pages = this.pages.map((page) => this.#saved.get(page.key) ?? page.defaults);
    const all = new Uint8Array(pages.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const page of pages) {
      all.set(page, at);
      at += page.length;
    }
    return all;
  }

  #restore(kept: Uint8Array): void {
    let at = 0;
    while (at + 4 <= kept.length) {
      const length = pageLength(kept, at);
      const bytes = copyOf(kept, at, at + length);
      const page = this.pages.find(({ key }) => key === keyOf(bytes));
      if (page !== undefined && differsOnlyIn(bytes, page.defaults, page.changeable)) this.#saved.set(page.key, bytes);
      at += length;
    }
  }

  #readFlags(): void {
    const caching = this.#current.get(pageKey(CACHING, 0));
    const control = this.#current.get(pageKey(CONTROL, 0));
    this.writeCache = caching !== undefined && (caching[2] & WCE) !== 0;
    this.descriptorSense = control !== undefined && (control[2] & D_SENSE) !== 0;
    this.tellsAborted = control !== undefined && (control[5] & TAS) !== 0;
    this.isProtected = control !== undefined && (control[4] & SWP) !== 0;
  }
}

/** The bytes of the page at `at`, of either format (SPC-5 section 7.5.7); there are at least four. */
export function pageLength(bytes: Uint8Array, at: number): number {
  return (bytes[at] & 0x40) !== 0 ? u16(bytes, at + 2) + 4 : bytes[at + 1] + 2;
}

export function keyOf(bytes: Uint8Array): number {
  return pageKey(bytes[0] & 0x3f, (bytes[0] & 0x40) !== 0 ? bytes[1] : 0);
}

/** Whether `bytes` is `other` but for bits of `mask`. */
export function differsOnlyIn(bytes: Uint8Array, other: Uint8Array, mask: Uint8Array): boolean {
  return bytes.length === other.length && bytes.every((byte, i) => ((byte ^ other[i]) & ~mask[i]) === 0);
}

function headed(page: ModePage): Uint8Array {
  const bytes = copyOf(page.changeable);
  bytes.set(page.defaults.subarray(0, (page.defaults[0] & 0x40) !== 0 ? 4 : 2));
  return bytes;
}

function equal(one: Uint8Array | undefined, other: Uint8Array): boolean {
  return one !== undefined && one.length === other.length && one.every((byte, i) => byte === other[i]);
}
