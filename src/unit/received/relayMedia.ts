import { join } from 'node:path';
import { openSpill } from '../../../hw/spill.ts';
import type { LinkAbout } from '../../../parsers/formats/linkAbout.ts';
import { Fault } from '../../base/fault.ts';
import type { FarStore } from '../../base/ordered.ts';
import type { Volume } from '../../base/volume.ts';
import type { LiveMirrorConfig, TlsConfig } from '../config/configTypes.ts';
import { LateOrderedVolume } from '../link/lateOrdered.ts';
import { linkWords } from '../link/linkWords.ts';
import type { Medium } from '../live/liveVolume.ts';
import { type Identity, medium } from '../lu/media.ts';
import { type OpenMedia, refuseTwins } from '../lu/twins.ts';
import { LinkCopyOut } from '../mirror/recall.ts';
import type { LinkStatus } from '../watch/status.ts';
import type { FurtherMedia } from './relay.ts';

export interface RelayMediaParts {
  /** The unit's state folder. */
  folder: string;
  identity: Identity;
  tls: TlsConfig;
  media: OpenMedia;
  /** What far ends are told of this unit. */
  about?: () => LinkAbout;
  /** Bytes of temporary storage for each link. */
  spillBytes: number;
  notice: (text: string) => void;
  /** Monotonic time in nanoseconds. */
  now: () => number;
}

/** How long a start waits for the far ends of links, and who adds one. */
const LINK_MS = 3000;
const LINK_NOW_MS = 10_000;

let spills = 0;

/** The media of a received volume's further mirrors. */
export class RelayMedia implements FurtherMedia {
  readonly #all: Medium[];
  readonly #parts: RelayMediaParts;
  readonly #store: FarStore;
  readonly #own: { name: string; volume: Volume };
  readonly #copyOuts = new Map<string, LinkCopyOut>();

  /** `own`: the medium that the store lies on, under its name. */
  constructor(
    mirrors: readonly LiveMirrorConfig[],
    store: FarStore,
    own: { name: string; volume: Volume },
    parts: RelayMediaParts,
  ) {
    this.#parts = parts;
    this.#store = store;
    this.#own = own;
    this.#all = mirrors.map((one) => this.#make(one));
  }

  get all(): readonly Medium[] {
    return this.#all;
  }

  /** One more mirror, opened. Rejects with a `Fault`, also where it does not answer, and nothing of it is left then. */
  async openOne(mirror: LiveMirrorConfig): Promise<Medium> {
    const made = this.#make(mirror);
    this.#all.push(made);
    try {
      await made.volume.open(mirror.kind === 'journey' ? AbortSignal.timeout(LINK_NOW_MS) : undefined);
      return made;
    } catch (error) {
      await this.forget(made.volume);
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

  /** Every link is waited for later, whatever its far end says. */
  async open(): Promise<void> {
    await Promise.all(this.all.map((one) => this.#tryToOpen(one)));
  }

  /** Temporary storage for what a link has no room for (C4): what it refers to are the blocks of the store. */
  async copyOut(to: string, volume: Volume, losses: () => number): Promise<LinkCopyOut> {
    const { folder, spillBytes, notice } = this.#parts;
    const spill = await openSpill(join(folder, `relay-${++spills}.spill`), spillBytes);
    const copyOut = new LinkCopyOut({ name: to, volume, spill, notice, losses });
    this.#copyOuts.set(to, copyOut);
    return copyOut;
  }

  /** Of a link to another unit, once it was reached. */
  link(to: string): LinkStatus | undefined {
    const found = this.all.find((one) => one.to === to)?.volume;
    const link = found instanceof LateOrderedVolume ? found.opened?.link : undefined;
    if (link === undefined) return undefined;
    const copyOut = this.#copyOuts.get(to)?.report;
    return { ...linkWords(link, this.#parts.now()), ...(copyOut ? { copyOut } : {}) };
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.all.map(({ volume }) => volume.close()));
  }

  #make(one: LiveMirrorConfig): Medium {
    const { identity, tls, media, about, notice, now } = this.#parts;
    const store = this.#store;
    const mirrored = (): { bytes: number; blockSize: number } => ({ bytes: store.bytes, blockSize: store.blockSize });
    const unlike = media.checkOf(one.to);
    const check = (volume: Volume): void => {
      refuseTwins([this.#own, { name: one.to, volume }]);
      refuseLoop(one.to, volume, store);
      unlike(volume);
    };
    const told = about ? { about } : {};
    const use = { writable: true, notice, check, tls, mirrored, now, ...told, ...sizeOf(one, store) };
    const made = { to: one.to, volume: medium(one, identity, use) };
    media.add(made.to, made.volume);
    return made;
  }

  async #tryToOpen({ to, volume }: Medium): Promise<void> {
    const link = volume instanceof LateOrderedVolume;
    try {
      await volume.open(link ? AbortSignal.timeout(LINK_MS) : undefined);
    } catch (error) {
      const waited = error instanceof Fault && (link ? error.blame !== 'bug' : error.unreachable);
      if (!waited) throw error;
      this.#parts.notice(`${to}: ${error.message}; it is tried again`);
    }
  }
}

/** Every unit of a ring would send what it receives, for ever. */
function refuseLoop(to: string, volume: Volume, { incarnation }: FarStore): void {
  if (!volume.identity().id.includes(incarnation)) return;
  throw new Fault('local', `${to} leads back to the very volume that it is a mirror of`, 'name another volume');
}

function sizeOf({ kind }: LiveMirrorConfig, { blockSize }: FarStore): { blockSize?: number } {
  return kind === 'file' ? { blockSize } : {};
}
