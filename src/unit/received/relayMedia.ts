import { join } from 'node:path';
import type { LinkAbout } from '../../../parsers/formats/linkAbout.ts';
import { Fault } from '../../base/fault.ts';
import type { FarStore } from '../../base/ordered.ts';
import type { Volume } from '../../base/volume.ts';
import type { LiveMirrorConfig, TlsConfig } from '../config/configTypes.ts';
import type { Medium } from '../live/liveTypes.ts';
import { MediaInUse } from '../live/mediaInUse.ts';
import { type Identity, medium } from '../lu/media.ts';
import { type OpenMedia, refuseTwins } from '../lu/twins.ts';
import type { LinkCopyOut } from '../mirror/recall.ts';
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

let spills = 0;

/** The media of a received volume's further mirrors. */
export class RelayMedia implements FurtherMedia {
  readonly #media: MediaInUse;
  readonly #parts: RelayMediaParts;
  readonly #store: FarStore;
  readonly #own: { name: string; volume: Volume };

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
    const { folder, media, spillBytes, notice, now } = parts;
    const spillPath = (): string => join(folder, `relay-${++spills}.spill`);
    this.#media = new MediaInUse({ media, spillPath, spillBytes, notice, now });
    for (const one of mirrors) this.#make(one);
  }

  get all(): readonly Medium[] {
    return this.#media.all;
  }

  /** One more mirror, opened. Rejects with a `Fault`, also where it does not answer, and nothing of it is left then. */
  async openOne(mirror: LiveMirrorConfig): Promise<Medium> {
    const made = this.#make(mirror);
    await this.#media.openNow(made);
    return made;
  }

  /** It is none of this unit's media any more. */
  forget(volume: Volume): Promise<void> {
    return this.#media.forget(volume);
  }

  /** Every link is waited for later, whatever its far end says. */
  async open(): Promise<void> {
    await Promise.all(this.all.map((one) => this.#media.begin(one)));
  }

  /** Temporary storage for what a link has no room for (C4): what it refers to are the blocks of the store. */
  copyOut(to: string, volume: Volume, losses: () => number): Promise<LinkCopyOut> {
    return this.#media.copyOut(to, volume, losses);
  }

  /** Of a link to another unit, once it was reached. */
  link(to: string): LinkStatus | undefined {
    return this.#media.link(to);
  }

  close(): Promise<void> {
    return this.#media.close();
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
    this.#media.add(made);
    return made;
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
