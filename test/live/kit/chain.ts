import { unitKeys } from '../../../hw/keys.ts';
import type { Bench } from './bench.ts';
import { run } from './processes.ts';
import { LINK_PORT, type Sites, sitesOf } from './sites.ts';
import type { Unit } from './unit.ts';

const DAYS = 60;
const HISTORY = { window: '1h', bytes: '1GiB' };

/** Sites behind the second one, each with a cable of its own to it. */
export class Chain {
  readonly sites: Sites;
  readonly #bench: Bench;
  readonly #spaces = new Map<string, string>();

  private constructor(bench: Bench, sites: Sites) {
    this.#bench = bench;
    this.sites = sites;
  }

  /** A first volume, a second site, and one site more for each name. */
  static async open(bench: Bench, ...names: string[]): Promise<Chain> {
    const chain = new Chain(bench, await sitesOf(bench));
    for (const [i, name] of names.entries()) await chain.#add(name, i);
    return chain;
  }

  /** The volume at one of these sites, as a mirror. */
  to(name: string): string {
    return `journey://${this.#address(name, 2)}:${LINK_PORT}/vol1`;
  }

  /** The unit at the second site, which passes on what comes. */
  middle(mirrors: readonly unknown[], changes: object = { history: HISTORY }): Promise<Unit> {
    return this.sites.far({ mirrors: ['file:far.img', ...mirrors], ...changes });
  }

  /** The unit at one of the others, which keeps `NAME.img`. */
  end(name: string, keeping: object = { history: HISTORY }): Promise<Unit> {
    const receive = { listen: `${this.#address(name, 2)}:${LINK_PORT}` };
    const volumes = [{ name: 'vol1', mirrors: [`file:${name}.img`], ...keeping }];
    const space = this.#spaces.get(name) ?? '';
    return this.#bench.unit({ receive, tls: this.sites.tls(name), volumes }, { name, space });
  }

  async cut(name: string): Promise<void> {
    await run(undefined, ['ip', '-n', this.#spaces.get(name) ?? '', 'link', 'set', 'e0', 'down']);
  }

  async join(name: string): Promise<void> {
    await run(undefined, ['ip', '-n', this.#spaces.get(name) ?? '', 'link', 'set', 'e0', 'up']);
  }

  /** Everything that was written has arrived at all of them, in the order of the chain. */
  async settled(...units: Unit[]): Promise<void> {
    for (const unit of units) await unit.settled(60_000);
  }

  #address(name: string, end: 1 | 2): string {
    return `10.69.${[...this.#spaces.keys()].indexOf(name)}.${end}`;
  }

  async #add(name: string, i: number): Promise<void> {
    const { net } = this.#bench;
    const space = await net.space(name);
    this.#spaces.set(name, space);
    await net.cable(
      { space: this.sites.space, name: `m${i}`, addresses: [`${this.#address(name, 1)}/24`] },
      { space, name: 'e0', addresses: [`${this.#address(name, 2)}/24`] },
    );
    await unitKeys(this.#bench.path('keys'), name, DAYS, Date.now());
    this.#bench.image(`${name}.img`, { seed: i + 4 });
  }
}
