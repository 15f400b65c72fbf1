import type { Change, Lease, LeaseRoom, Piece } from '../../../src/base/change.ts';
import type { CommandView } from '../../../src/base/command.ts';
import { Extents } from '../../../src/base/extents.ts';
import { isFill, isOr, orInto } from '../../../src/base/payload.ts';
import { Snoop } from '../../../src/snoop/snoop.ts';
import { type Frame, inBatches, inReusedBatches } from './frames.ts';
import { beforeImage, Image, type LuTruth, portalOf, sidecar } from './sidecar.ts';

/** One LU's mirror in memory: changes are applied as they come, LBN-only ones are noted as unresolved. In bytes. */
export class Shadow {
  readonly lu: string;
  readonly truth: LuTruth;
  readonly image: Image;
  readonly unresolved = new Extents();
  /** What was written to the image. */
  readonly touched = new Extents();
  readonly doubts = new Set<string>();
  changes = 0;

  constructor(lu: string, truth: LuTruth, image: Image) {
    this.lu = lu;
    this.truth = truth;
    this.image = image;
  }

  get whole(): boolean {
    return this.unresolved.covers(0, this.truth.size);
  }

  get unresolvedBlocks(): number {
    return this.unresolved.total / this.truth.block_size;
  }

  apply(change: Change): void {
    this.changes++;
    if (change.doubt !== undefined) this.doubts.add(change.doubt);
    if (change.pieces === 'wholeLu') this.unresolved.add(0, this.truth.size);
    else for (const piece of change.pieces) this.write(piece);
  }

  private write({ offset, length, payload }: Piece): void {
    const { block_size: block, size } = this.truth;
    const end = offset + length;
    if (end > size) throw new Error(`a change of bytes ${offset} to ${end}, past the LU's ${size}`);
    if (payload === 'lbnOnly') {
      if (offset % block !== 0 || length % block !== 0)
        throw new Error(`LBN-only in parts of blocks: ${offset} ${end}`);
      this.unresolved.add(offset, end);
      return;
    }
    this.touched.add(offset, end);
    this.image.need(offset, end);
    const { bytes } = this.image;
    if (payload === 'zeros') bytes.fill(0, offset, end);
    else if (isFill(payload)) {
      for (let at = offset; at < end; at += payload.fill.length)
        bytes.set(payload.fill.subarray(0, Math.min(payload.fill.length, end - at)), at);
    } else if (isOr(payload)) {
      orInto(bytes.subarray(offset, end), payload.or, 0);
      return;
    } else {
      let at = offset;
      for (const part of payload) {
        bytes.set(part.subarray(0, end - at), at);
        at += part.length;
      }
      if (at < end) throw new Error(`${end - at} bytes of data too few`);
    }
    const first = Math.ceil(offset / block) * block;
    const last = Math.floor(end / block) * block;
    if (first < last) this.unresolved.remove(first, last);
  }
}

/** What a run showed. */
export interface Outcome {
  shadows: Shadow[];
  notices: string[];
  commands: number;
  holes: number;
}

export interface PlayOptions {
  /** Frames per reused buffer: the borrowed bytes are overwritten after every so many frames. */
  reuse?: number;
  command?: (view: CommandView) => void;
  /** Asked for every lease: true refuses it, as a buffer that is short of room does. */
  refuse?: () => boolean;
  /** Volumes by other names than the sidecar's. */
  lus?: readonly string[];
  /** Without the portals in the configuration. */
  noPortals?: boolean;
}

/** Room without a bound, or one that is short when the test says so. */
class Boundless implements LeaseRoom {
  readonly full = false;
  lent = 0;
  private readonly refuse: () => boolean;
  constructor(refuse: () => boolean) {
    this.refuse = refuse;
  }
  take(bytes: number): Lease | undefined {
    if (this.refuse()) return undefined;
    this.lent++;
    return { parts: [new Uint8Array(bytes)], bytes };
  }
  give(): void {
    this.lent--;
  }
}

/** Images that are used again and again; only what a run touched is put back. */
const spare = new Map<Image, Image[]>();

export function luNames(name: string): string[] {
  const side = sidecar(name);
  return (side.luns ?? []).map((l) => `${side.login_seen === false ? portalOf(name) : l.target}/${l.lun}`);
}

/** Runs frames through the snoop with the volumes of capture `name`, and hands the outcome to `look`. */
export function play<T>(
  name: string,
  frames: readonly Frame[],
  look: (outcome: Outcome) => T,
  options: PlayOptions = {},
): T {
  const side = sidecar(name);
  const portal = portalOf(name);
  const lus = options.lus ?? luNames(name);
  const shadows = (side.luns ?? []).map((truth, n) => {
    const image = spare.get(beforeImage(truth))?.pop() ?? new Image(truth);
    return new Shadow(lus[n], truth, image);
  });
  const outcome: Outcome = { shadows, notices: [], commands: 0, holes: 0 };
  const room = new Boundless(options.refuse ?? (() => false));
  const snoop = new Snoop({
    room,
    volumes: lus.map((lu) => ({ lu, ...(portal === undefined || options.noPortals ? {} : { portals: [portal] }) })),
    sink: {
      command: (view) => {
        outcome.commands++;
        options.command?.(view);
      },
      hole: () => {
        outcome.holes++;
      },
      change: (change) => {
        shadows.find((s) => s.lu === change.lu)?.apply(change);
        if (change.lease !== undefined) room.give();
      },
      notice: (text) => outcome.notices.push(text),
    },
  });
  const take = (batch: Parameters<Snoop['consume']>[0]): void => {
    snoop.consume(batch, 0, batch.count);
  };
  if (options.reuse === undefined) inBatches(frames, take);
  else inReusedBatches(frames, options.reuse, take, (bytes) => snoop.beforeReuse(bytes));
  snoop.finish();
  if (room.lent !== 0) throw new Error(`${room.lent} leases were never given back`);
  try {
    return look(outcome);
  } finally {
    for (const shadow of shadows) {
      const before = beforeImage(shadow.truth);
      shadow.touched.forEachIn(0, shadow.truth.size, (s, e) => {
        before.need(s, e);
        shadow.image.bytes.set(before.bytes.subarray(s, e), s);
      });
      const pool = spare.get(before);
      if (pool === undefined) spare.set(before, [shadow.image]);
      else pool.push(shadow.image);
    }
  }
}
