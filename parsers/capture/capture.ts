import { isParseFault, type ParseFault, parseFault } from '../../src/base/fault.ts';
import type { FrameBatch } from '../../src/base/frames.ts';
import { isPcapMagic, PCAP_HEADER, pcapSplitter } from './pcap.ts';
import { isPcapngMagic, PcapngSplitter } from './pcapng.ts';
import type { Splitter } from './splitter.ts';

/** A splitter for a whole capture file of either kind: the first bytes decide. */
export class CaptureSplitter implements Splitter {
  #inner: Splitter | undefined;
  #need = 4;
  #fault: ParseFault | undefined;

  /** True once the file's header was read and accepted. */
  get opened(): boolean {
    return this.#inner instanceof PcapngSplitter ? this.#inner.opened : this.#inner !== undefined;
  }

  get need(): number {
    return this.#inner === undefined ? this.#need : this.#inner.need;
  }

  get skipping(): number {
    return this.#inner === undefined ? 0 : this.#inner.skipping;
  }

  get fault(): ParseFault | undefined {
    return this.#fault ?? this.#inner?.fault;
  }

  split(bytes: Uint8Array, from: number, to: number, batch: FrameBatch): number {
    if (this.#inner !== undefined) return this.#inner.split(bytes, from, to, batch);
    if (this.#fault !== undefined || to - from < this.#need) return from;
    if (isPcapngMagic(bytes, from)) {
      this.#inner = new PcapngSplitter();
      return this.#inner.split(bytes, from, to, batch);
    }
    if (!isPcapMagic(bytes, from)) {
      this.#fault = parseFault(from, 'neither pcap nor pcapng');
      return from;
    }
    this.#need = PCAP_HEADER;
    if (to - from < PCAP_HEADER) return from;
    const made = pcapSplitter(bytes, from);
    if (isParseFault(made)) {
      this.#fault = made;
      return from;
    }
    this.#inner = made;
    return made.split(bytes, from + PCAP_HEADER, to, batch);
  }
}
