import { openSpill } from '../../../hw/spill.ts';
import { Fault } from '../../base/fault.ts';
import type { Volume } from '../../base/volume.ts';
import { LateOrderedVolume } from '../link/lateOrdered.ts';
import { linkWords } from '../link/linkWords.ts';
import type { OpenMedia } from '../lu/twins.ts';
import { LinkCopyOut } from '../mirror/recall.ts';
import type { LinkStatus } from '../watch/status.ts';
import type { Medium } from './liveTypes.ts';

export interface MediaInUseParts {
  /** All media of the unit. */
  media: OpenMedia;
  /** A file for the temporary storage of one more link, and bytes of each. */
  spillPath: () => string;
  spillBytes: number;
  notice: (text: string) => void;
  /** Monotonic time in nanoseconds. */
  now: () => number;
}

/** How long a start waits for the far ends of links, and who adds one. */
const LINK_MS = 3000;
const LINK_NOW_MS = 10_000;

/** Media that mirrors lie on, open or waited for, until they are let go; and what links among them keep elsewhere. */
export class MediaInUse {
  readonly #parts: MediaInUseParts;
  readonly #all: Medium[] = [];
  readonly #copyOuts = new Map<string, LinkCopyOut>();

  constructor(parts: MediaInUseParts) {
    this.#parts = parts;
  }

  get all(): readonly Medium[] {
    return this.#all;
  }

  add(medium: Medium): void {
    this.#parts.media.add(medium.to, medium.volume);
    this.#all.push(medium);
  }

  /**
   * Opens it. What does not answer is waited for, and rejects where somebody has to mend it; nobody here waits for another
   * site, whatever it says or does not say.
   */
  async begin({ to, volume }: Medium): Promise<void> {
    const link = isLink(volume);
    try {
      await volume.open(link ? AbortSignal.timeout(LINK_MS) : undefined);
    } catch (error) {
      const waited = error instanceof Fault && (link ? error.blame !== 'bug' : error.unreachable);
      if (!waited) throw error;
      this.#parts.notice(`${to}: ${error.message}; it is tried again`);
    }
  }

  /** Opens it now. Rejects with a `Fault`, also where it does not answer, and nothing of it is left then. */
  async openNow({ volume }: Medium): Promise<void> {
    try {
      await volume.open(isLink(volume) ? AbortSignal.timeout(LINK_NOW_MS) : undefined);
    } catch (error) {
      await this.forget(volume);
      throw error;
    }
  }

  /** It is none of this unit's media any more. */
  async forget(volume: Volume): Promise<void> {
    const at = this.#all.findIndex((one) => one.volume === volume);
    if (at < 0) return;
    const [{ to }] = this.#all.splice(at, 1);
    this.#copyOuts.delete(to);
    this.#parts.media.remove(volume);
    await volume.close().catch(() => {});
  }

  /** Temporary storage for what a link has no room for (C4). */
  async copyOut(to: string, volume: Volume, losses: () => number): Promise<LinkCopyOut> {
    const { spillPath, spillBytes, notice } = this.#parts;
    const spill = await openSpill(spillPath(), spillBytes);
    const copyOut = new LinkCopyOut({ name: to, volume, spill, notice, losses });
    this.#copyOuts.set(to, copyOut);
    return copyOut;
  }

  /** Of a link to another unit, once it was reached. */
  link(to: string): LinkStatus | undefined {
    const found = this.#all.find((one) => one.to === to)?.volume;
    const link = isLink(found) ? found.opened?.link : undefined;
    if (link === undefined) return undefined;
    const copyOut = this.#copyOuts.get(to)?.report;
    return { ...linkWords(link, this.#parts.now()), ...(copyOut ? { copyOut } : {}) };
  }

  /** Closing twice does nothing. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#all.map(({ volume }) => volume.close()));
  }
}

/** Whether it is at another unit. */
export function isLink(volume: Volume | undefined): volume is LateOrderedVolume {
  return volume instanceof LateOrderedVolume;
}
