import type { SnoopSink } from '../base/sink.ts';
import { isLive } from '../unit/replay/liveSource.ts';
import { timeWords } from './draw-words.ts';
import { HoldBack, type Row, type RowWriter, rowOf } from './rows.ts';
import { CommandFilter, type Moment, momentNs, type NameFilter } from './rows-filter.ts';
import { jsonWriter, tsvWriter } from './rows-formats.ts';
import { type Reading, readingOf, type Seat, tellEnd } from './rows-inspect.ts';
import { tableWriter } from './rows-table.ts';

export interface DecodeOptions extends NameFilter {
  tsv?: boolean;
  json?: boolean;
  from?: Moment;
  to?: Moment;
}

/** Rows held back to put commands in order: more than targets let a host queue. */
const HELD_ROWS = 4096;

/**
 * Shows the commands of the sources. Resolves when all is written, or when nobody reads it any more; rejects with a
 * `Fault` when a source cannot be read at all or the output cannot be written.
 */
export async function runDecode(sources: readonly string[], options: DecodeOptions, seat: Seat): Promise<void> {
  const reading = readingOf(sources, seat);
  const filter = new CommandFilter(options);
  const times = new TimeFilter(options.from, options.to);
  const writer = writerOf(options, reading, times);
  const held = new HoldBack(isLive(sources) ? 0 : HELD_ROWS, (row) => {
    if (times.wants(row)) writer.row(row);
  });
  const sink: SnoopSink = {
    command(view) {
      if (filter.wants(view)) held.push(rowOf(view));
    },
  };
  const end = await reading.read(sink, (firstAt) => times.begin(firstAt));
  if (end !== undefined) {
    held.flush();
    writer.end();
  }
  await reading.out.finish();
  if (end === undefined) return;
  tellEnd(end, reading.tell);
  const nothing = filter.emptyWords() ?? times.emptyWords();
  if (nothing !== undefined) reading.tell(nothing);
}

function writerOf(options: DecodeOptions, { out, terminal }: Reading, times: TimeFilter): RowWriter {
  const emit = (text: string): void => out.write(text);
  if (options.tsv === true) return tsvWriter(emit);
  if (options.json === true) return jsonWriter(emit);
  return tableWriter(emit, terminal, () => times.startNs);
}

/** Applied to rows in order, so that without the first frame's time the first row can stand for it. */
class TimeFilter {
  readonly #from: Moment | undefined;
  readonly #to: Moment | undefined;
  #startNs: bigint | undefined;
  #fromNs: bigint | undefined;
  #toNs: bigint | undefined;
  #firstNs = 0n;
  #lastNs = 0n;
  #seen = 0;
  #wanted = 0;

  constructor(from: Moment | undefined, to: Moment | undefined) {
    this.#from = from;
    this.#to = to;
  }

  get startNs(): bigint {
    return this.#startNs ?? 0n;
  }

  begin(startNs: bigint): void {
    this.#startNs = startNs;
    if (this.#from !== undefined) this.#fromNs = momentNs(this.#from, startNs);
    if (this.#to !== undefined) this.#toNs = momentNs(this.#to, startNs);
  }

  wants({ at }: Row): boolean {
    if (this.#startNs === undefined) this.begin(at);
    if (this.#seen++ === 0) this.#firstNs = at;
    this.#lastNs = at;
    if (this.#fromNs !== undefined && at < this.#fromNs) return false;
    if (this.#toNs !== undefined && at > this.#toNs) return false;
    this.#wanted++;
    return true;
  }

  /** One line for an operator when every command was outside. */
  emptyWords(): string | undefined {
    if (this.#wanted > 0) return undefined;
    return `no command lies between --from and --to; they were sent from ${timeWords(this.#firstNs)} to ${timeWords(this.#lastNs)}`;
  }
}
