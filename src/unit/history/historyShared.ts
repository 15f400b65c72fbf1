import type { KeptState } from '../../../hw/storeState.ts';
import { SPACE_NONE } from '../../../parsers/formats/queueState.ts';
import type { EntryPlace, OrderedEntry, SharedPlace } from '../../base/ordered.ts';
import { checkOrder } from '../../queue/sharedOrders.ts';
import type { HistoryContents } from './historyContents.ts';
import type { HistoryKeeper } from './historyKeeper.ts';

type Shared = Pick<KeptState, 'shared'>;

/** A store's part in an order that volumes share (requirement C5), as it comes from the sender and as it is kept. */
export class HistoryShared {
  readonly #contents: HistoryContents;
  readonly #keeper: HistoryKeeper;
  /** Of the last entry that was accepted, if it is in a shared order. */
  #last: { epoch: string; number: number } | undefined;

  constructor(contents: HistoryContents, keeper: HistoryKeeper) {
    this.#contents = contents;
    this.#keeper = keeper;
  }

  /** Throws a `Fault` where the entry cannot follow the last one. */
  accept({ epoch }: EntryPlace, { order }: OrderedEntry): void {
    if (order) checkOrder(this.#last?.epoch === epoch ? this.#last.number : undefined, order);
    this.#last = order && { epoch, number: order.number };
  }

  /** The last one in the queue is that of `place`. */
  reset(place: EntryPlace | undefined): void {
    const number = place && this.#contents.timeline.orders.newestIn(place);
    this.#last = place && number !== undefined ? { epoch: place.epoch, number } : undefined;
  }

  /** What stands where an entry of the store's own follows that of `place`. */
  own(place: EntryPlace | undefined): SharedPlace | undefined {
    const number = place && this.#contents.timeline.orders.newestIn(place);
    return number === undefined ? undefined : { number, joined: true };
  }

  /** True before the first entry of a shared order, when `begin` has to come first. */
  isNews({ order }: OrderedEntry): boolean {
    return order !== undefined && this.#keeper.state.shared === undefined;
  }

  /** A version that knows nothing of shared orders must not take the queue for damaged from here on. */
  async begin(): Promise<void> {
    if (this.#keeper.state.shared !== undefined) return;
    await this.#keeper.commit({ shared: { base: 0, through: 0, space: SPACE_NONE } });
  }

  /** The changes up to a number are among the entries up to `place`; `last` is the last one's in the queue. */
  through(place: EntryPlace, number: number, last: EntryPlace | undefined): void {
    // What it speaks of may have been taken back.
    if (last === undefined || last.epoch !== place.epoch || last.number < place.number) return;
    this.#contents.timeline.orders.through(place, number);
    const told = this.told();
    if (told.shared === undefined || told.shared.through === this.#keeper.state.shared?.through) return;
    // It is said again, and nothing is wrong without it.
    void this.#keeper.put(told).catch(() => undefined);
  }

  /** What is believed after a crash: only what was said of entries that are there then. */
  told(): Shared {
    const { shared } = this.#keeper.state;
    if (shared === undefined) return {};
    const { through, space } = this.#contents.timeline.orders.kept(this.#contents.synced);
    return { shared: through === 0 ? shared : { ...shared, through, space } };
  }

  /** Entries are lost, and with them what was said of them. */
  cut(): Shared {
    return withoutThrough(this.#keeper.state);
  }

  /** So is the base. */
  lost(): Shared {
    const { shared } = this.cut();
    return shared ? { shared: { ...shared, base: 0 } } : {};
  }
}

export function withoutThrough({ shared }: Shared): Shared {
  return shared ? { shared: { ...shared, through: 0, space: SPACE_NONE } } : {};
}
