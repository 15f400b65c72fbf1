import type { SnoopSink } from '../base/sink.ts';

const MAX = 1000;

/** Tells a sink once per cause; a hostile source may have any number of them. */
export class Notices {
  private readonly sink: SnoopSink;
  private readonly told = new Set<string>();

  constructor(sink: SnoopSink) {
    this.sink = sink;
  }

  tell(key: string, text: string): void {
    if (this.told.has(key) || this.told.size >= MAX) return;
    this.told.add(key);
    this.sink.notice?.(text);
  }
}
