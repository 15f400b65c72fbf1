import assert from 'node:assert/strict';
import { copyFileSync, rmSync } from 'node:fs';
import { askControl } from '../../../hw/controlClient.ts';
import { initKeys, unitKeys } from '../../../hw/keys.ts';
import type { HistoryReport } from '../../../src/unit/received/receivedVolume.ts';
import { type Bench, TEE_SOURCE, volume } from './bench.ts';
import { sha256 } from './files.ts';
import { run } from './processes.ts';
import type { Unit } from './unit.ts';
import { until } from './until.ts';

const DAYS = 60;
/** Ends of the cable between the sites. */
export const NEAR = '10.68.0.1';
export const FAR = '10.68.0.2';
export const LINK_PORT = 15_100;
/** The volume at the other site, as a mirror of the first. */
export const JOURNEY = `journey://${FAR}:${LINK_PORT}/vol1`;
const HISTORY = { window: '1h', bytes: '1GiB' };

/** A second site: a machine of its own, a cable to it, and certificates for both. */
export class Sites {
  readonly #bench: Bench;
  readonly #marks = new Map<string, string>();
  space = '';

  constructor(bench: Bench) {
    this.#bench = bench;
  }

  async open(): Promise<this> {
    const { net, target } = this.#bench;
    this.space = await net.space('far');
    await net.cable(
      { space: target, name: 'n0', addresses: [`${NEAR}/24`] },
      { space: this.space, name: 'f0', addresses: [`${FAR}/24`] },
    );
    const keys = this.#bench.path('keys');
    await initKeys(keys, DAYS, Date.now());
    for (const name of ['near', 'far']) await unitKeys(keys, name, DAYS, Date.now());
    return this;
  }

  tls(name: string): object {
    return { ca: 'keys/ca.crt', cert: `keys/${name}.crt`, key: `keys/${name}.key` };
  }

  /** The unit at the bus, in front of `first.img`. */
  near(mirrors: unknown[] = [JOURNEY], changes: object = {}): Promise<Unit> {
    const config = { source: TEE_SOURCE, tls: this.tls('near'), volumes: [volume(...mirrors)], ...changes };
    return this.#bench.unit(config, { name: 'near' });
  }

  /** The unit at the other site, which keeps `far.img`. */
  far(keeping: object = { history: HISTORY }, changes: object = {}): Promise<Unit> {
    const volumes = [{ name: 'vol1', mirrors: ['file:far.img'], ...keeping }];
    const receive = { listen: `${FAR}:${LINK_PORT}` };
    const config = { receive, tls: this.tls('far'), volumes, ...changes };
    return this.#bench.unit(config, { name: 'far', space: this.space });
  }

  async cut(): Promise<void> {
    await run(undefined, ['ip', '-n', this.space, 'link', 'set', 'f0', 'down']);
  }

  async join(): Promise<void> {
    await run(undefined, ['ip', '-n', this.space, 'link', 'set', 'f0', 'up']);
  }

  /** A bookmark while the bus is quiet, and the first volume as it is then. */
  async mark(near: Unit, name: string): Promise<void> {
    await askControl(near.control, { do: 'mark', name });
    const copy = this.#bench.path(`${name}.copy`);
    copyFileSync(this.#bench.path('first.img'), copy);
    this.#marks.set(name, sha256(copy));
    rmSync(copy);
  }

  async history(far: Unit): Promise<HistoryReport> {
    return (await askControl(far.control, { do: 'history', volume: 'vol1' })) as HistoryReport;
  }

  /** What the far end holds at a moment. */
  async imageAt(far: Unit, to: { mark: string } | { sequence: number }): Promise<string> {
    const out = this.#bench.path('rewound.img');
    rmSync(out, { force: true });
    await askControl(far.control, { do: 'rewind', volume: 'vol1', to, out }, 30_000);
    return sha256(out);
  }

  /** Its history as soon as every bookmark has come over all links to it, which a load may hold up for a while. */
  #listed(far: Unit): Promise<HistoryReport> {
    const missing = ({ bookmarks }: HistoryReport): string[] =>
      [...this.#marks.keys()].filter((name) => !bookmarks.some((one) => one.name === name));
    let last: HistoryReport | undefined;
    const ask = async (): Promise<HistoryReport | undefined> => {
      last = await this.history(far);
      return missing(last).length === 0 ? last : undefined;
    };
    const instead = (): string => (last === undefined ? 'no history' : `without ${missing(last).join(', ')}`);
    return until('every bookmark is listed', ask, { ms: 30_000, everyMs: 50, instead });
  }

  /** Every bookmark comes to be listed, is consistent, and holds what the first volume held when it was set. */
  async sameMarks(far: Unit): Promise<void> {
    const { bookmarks } = await this.#listed(far);
    for (const [name, image] of this.#marks) {
      const { consistent } = bookmarks.find((one) => one.name === name) ?? {};
      assert.equal(consistent, true, `${name} is inconsistent`);
      assert.equal(await this.imageAt(far, { mark: name }), image, `${name} holds what the first volume held then`);
    }
  }

  /** The newest moment is what the first volume holds; both units are calm. */
  async sameNow(near: Unit, far: Unit): Promise<void> {
    await near.settled(60_000);
    await far.settled();
    const { sequence } = (await this.history(far)).newest;
    assert.equal(await this.imageAt(far, { sequence }), sha256(this.#bench.path('first.img')));
  }
}

/** Suites with a second site. */
export async function sitesOf(bench: Bench): Promise<Sites> {
  await bench.first();
  bench.image('far.img', { seed: 3 });
  return new Sites(bench).open();
}
