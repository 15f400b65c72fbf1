import { randomUUID } from 'node:crypto';
import { makeAuthority, makeUnit, type Pair } from '../../hw/keysCertificates.ts';
import type { FarStore } from '../../src/base/ordered.ts';
import type { JourneyVolumeOptions, LinkKeys, LinkProof } from '../../src/unit/link/journeyTypes.ts';
import { serveLink } from '../../src/unit/link/receiver.ts';
import type { LinkService, LinkServiceOptions } from '../../src/unit/link/receiverTypes.ts';

export function monotonic(): number {
  return Number(process.hrtime.bigint());
}

const DAY_MS = 86_400_000;

export function validity(fromDays = -1, toDays = 1): { from: Date; to: Date } {
  const at = (days: number): Date => new Date(Date.now() + days * DAY_MS);
  return { from: at(fromDays), to: at(toDays) };
}

/** An authority of the test's own and certificates of it. */
export class Authority {
  readonly #pair: Pair;

  private constructor(pair: Pair) {
    this.#pair = pair;
  }

  static async make(): Promise<Authority> {
    return new Authority(await makeAuthority(validity(-10, 10)));
  }

  get ca(): string {
    return this.#pair.cert;
  }

  get own(): LinkKeys {
    return { ca: this.ca, cert: this.#pair.cert, key: this.#pair.key };
  }

  async unit(name: string, valid: { from: Date; to: Date } = validity()): Promise<LinkKeys> {
    return { ca: this.ca, ...(await makeUnit(name, valid, this.#pair)) };
  }
}

/** A listener on a free port of the loopback, and what it said. */
export async function serve(
  keys: LinkProof,
  stores: Record<string, FarStore>,
  options: Partial<LinkServiceOptions> = {},
): Promise<{ service: LinkService; port: number; notices: string[] }> {
  const notices: string[] = [];
  const service = await serveLink({
    listen: { host: '127.0.0.1', port: 0 },
    keys,
    stores: (name) => stores[name],
    notice: (text) => notices.push(text),
    now: monotonic,
    ...options,
  });
  return { service, port: Number(service.portal.split(':').at(-1)), notices };
}

export function journeyOptions(
  port: number,
  keys: LinkProof,
  options: Partial<JourneyVolumeOptions> = {},
): JourneyVolumeOptions {
  return {
    host: '127.0.0.1',
    port,
    volume: 'vol1',
    keys,
    epoch: randomUUID(),
    unit: 'unit-a',
    bytes: 0,
    blockSize: 512,
    compress: false,
    notice: () => undefined,
    now: monotonic,
    ...options,
  };
}

/** Waits until it is so, looking again whenever the event loop has gone round; at most thirty seconds. */
export async function until(what: () => boolean, why = 'it did not come about'): Promise<void> {
  const end = performance.now() + 30_000;
  while (!what()) {
    if (performance.now() > end) throw new Error(why);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
