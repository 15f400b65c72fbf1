import type { Piece } from '../../../../src/base/change.ts';
import type { OrderedEntry } from '../../../../src/base/ordered.ts';
import type { JourneyVolume, JourneyVolumeOptions, LinkKeys } from '../../../../src/unit/link/journeyTypes.ts';
import { openJourneyVolume } from '../../../../src/unit/link/journeyVolume.ts';
import type { LinkService } from '../../../../src/unit/link/receiverTypes.ts';
import { CutProxy } from '../../../kit/cutProxy.ts';
import type { MemoryFarStore } from '../../../kit/farStore.ts';
import { Authority, journeyOptions, serve } from '../../../kit/journey.ts';

/** Bytes of most volumes. */
export const SIZE: number = 4 * 1024 * 1024;

export function change(...pieces: Piece[]): OrderedEntry {
  return { kind: 'change', at: 1n, pieces, consistent: true };
}

export function piece(offset: number, bytes: Uint8Array): Piece {
  return { offset, length: bytes.length, payload: [bytes] };
}

export function page(offset: number, byte: number): OrderedEntry {
  return change(piece(offset, new Uint8Array(4096).fill(byte)));
}

/** Two units with keys of one authority, and what a test has opened between them. */
export class Journeys {
  readonly nearKeys: LinkKeys;
  readonly farKeys: LinkKeys;
  readonly #open: { close: () => Promise<void> }[] = [];

  private constructor(nearKeys: LinkKeys, farKeys: LinkKeys) {
    this.nearKeys = nearKeys;
    this.farKeys = farKeys;
  }

  static async make(): Promise<Journeys> {
    const authority = await Authority.make();
    return new Journeys(await authority.unit('a'), await authority.unit('b'));
  }

  async serving(
    stores: Record<string, MemoryFarStore>,
  ): Promise<{ service: LinkService; port: number; notices: string[] }> {
    const served = await serve(this.farKeys, stores);
    this.#open.push(served.service);
    return served;
  }

  async opening(port: number, options: Partial<JourneyVolumeOptions> = {}): Promise<JourneyVolume> {
    const volume = await openJourneyVolume(journeyOptions(port, this.nearKeys, options));
    this.#open.push(volume);
    return volume;
  }

  async proxied(port: number): Promise<CutProxy> {
    const proxy = await CutProxy.open(port);
    this.#open.push(proxy);
    return proxy;
  }

  /** To be closed as well. */
  later(one: { close: () => Promise<void> }): void {
    this.#open.push(one);
  }

  /** The near end first: a listener waits for its connections. */
  async close(): Promise<void> {
    for (const one of this.#open.splice(0).reverse()) await one.close();
  }
}
