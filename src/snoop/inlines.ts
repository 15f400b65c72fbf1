import type { Bus } from './bus.ts';
import type { Carrier, StreamEnds } from './flow/stream.ts';
import { InlineStream } from './inline.ts';
import type { Nexus } from './iscsi/nexus.ts';
import type { Journal } from './lu/journal.ts';
import type { Lu } from './lu/lu.ts';

/** What the inline streams need of the snoop's own parts. */
export interface InlinesParts {
  nextFrame(time: number): void;
  passed(time: number): void;
  makeNexus(stream: number, ends: StreamEnds, carrier: () => Carrier): Nexus;
}

/** The inline streams of one snoop, and the LUs that abandoned ones go on writing unwatched. */
export class Inlines {
  private readonly bus: Bus;
  private readonly journal: Journal;
  private readonly parts: InlinesParts;
  private readonly live = new Set<InlineStream>();
  private readonly blind = new Map<Lu, number>();

  constructor(bus: Bus, journal: Journal, parts: InlinesParts) {
    this.bus = bus;
    this.journal = journal;
    this.parts = parts;
  }

  attach(number: number, ends: StreamEnds): InlineStream {
    const { parts } = this;
    const stream: InlineStream = new InlineStream(number, ends, {
      claimed: this.bus.directory.claimed,
      nextFrame: parts.nextFrame,
      passed: parts.passed,
      makeNexus: (carrier) => parts.makeNexus(number, ends, carrier),
      ended: (one) => this.live.delete(one),
      unseen: (lus) => this.turn(lus, 1),
      seen: (lus) => this.turn(lus, -1),
    });
    this.live.add(stream);
    return stream;
  }

  /** True while a connection that nobody watches can write to `lu`. */
  unwatched(lu: Lu): boolean {
    return this.blind.size > 0 && [...this.blind.keys()].some((one) => one === lu || one.root === lu);
  }

  finish(): void {
    for (const stream of this.live) stream.sourceEnded();
    this.live.clear();
  }

  /** One connection more, or fewer, writes to these without being watched: either way they are in doubt. */
  private turn(lus: readonly Lu[], by: 1 | -1): void {
    for (const lu of lus) {
      const count = (this.blind.get(lu) ?? 0) + by;
      if (count > 0) this.blind.set(lu, count);
      else this.blind.delete(lu);
      try {
        // Before any byte that nobody looks at is handed on.
        this.journal.intents.all(lu);
        this.journal.doubtWhole(lu, 'unseen');
      } catch {
        // A bug has been here before: the owner was told of this LU, and keeps it in doubt itself.
      }
    }
  }
}
