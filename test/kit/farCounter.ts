import { readEntryPart } from '../../parsers/formats/linkEntry.ts';
import { FRAME_HEADER_BYTES, type LinkFrame, LinkType } from '../../parsers/formats/linkFrame.ts';
import { type Welcome, welcomeFrame } from '../../parsers/formats/linkGreeting.ts';
import { ackFrame } from '../../parsers/formats/linkRequests.ts';
import { type AssembledEntry, EntryAssembler } from '../../src/link/assembler.ts';
import { Sender } from '../../src/link/sender.ts';
import type { SenderOptions } from '../../src/link/senderTypes.ts';

const EPOCH = '01234567-89ab-4def-8123-456789abcdef';
const INCARNATION = '11234567-89ab-4def-8123-456789abcdef';
const VOLUME_BYTES = 1 << 40;

function body({ head, parts }: LinkFrame): Uint8Array {
  return Uint8Array.from(Buffer.concat([head.subarray(FRAME_HEADER_BYTES), ...parts]));
}

/** A sender, and a far end that notes what it is sent and says what is durable when it is told to. */
export class FarCounter {
  readonly sender: Sender;
  /** What came whole, in order, and the entries and questions in the order of their first frames. */
  readonly came: AssembledEntry[] = [];
  readonly frames: LinkType[] = [];
  readonly durable: number[] = [];
  readonly failed: number[] = [];
  readonly #windowBytes: number;
  #assembler = new EntryAssembler(1);
  /** Entries that are never passed on whole: the connection takes this many frames of entries and no more. */
  framesMax: number = Number.POSITIVE_INFINITY;
  now = 0;

  constructor(options: Partial<SenderOptions> & { windowBytes?: number } = {}) {
    const { windowBytes = 1 << 30, ...own } = options;
    this.#windowBytes = windowBytes;
    this.sender = new Sender({
      volume: 'v',
      unit: 'u',
      epoch: EPOCH,
      isOurs: () => true,
      bytes: VOLUME_BYTES,
      blockSize: 512,
      compression: [],
      hashes: ['sha256'],
      ...own,
    });
  }

  /** A connection stands, to a store that has everything up to this number. */
  connect(durable: number = this.sender.durableNumber): void {
    const place = durable > 0 ? { epoch: EPOCH, number: durable } : undefined;
    const agreed = { compression: [], hash: 'sha256', features: ['order', 'nodes'] } as const;
    const limits = { windowBytes: this.#windowBytes, entryBytesMax: 1 << 28 };
    const store = { incarnation: INCARNATION, durable: place, consistent: true, bytes: VOLUME_BYTES, blockSize: 512 };
    const welcome: Welcome = { ...store, ...agreed, ...limits };
    this.#assembler = new EntryAssembler(durable + 1);
    this.sender.opened(this.now);
    this.#take();
    this.sender.frame(LinkType.welcome, body(welcomeFrame(welcome)), this.now);
    this.run();
  }

  break(): void {
    this.sender.broken();
    this.#take();
  }

  /** Everything up to this number is durable. */
  acknowledge(number: number): void {
    this.sender.frame(LinkType.ack, body(ackFrame(number)), this.now);
    this.run();
  }

  /** What the sender wants sent is, until it wants nothing more. */
  run(): void {
    for (let left = this.#take(); left > 0 && this.framesMax > 0; left = this.#take()) {
      this.sender.written(left, this.now);
    }
  }

  #take(): number {
    let bytes = 0;
    for (const act of this.sender.take()) {
      if (act.kind === 'durable') this.durable.push(act.id);
      if (act.kind === 'failed') this.failed.push(act.id);
      if (act.kind !== 'send') continue;
      bytes += act.frame.bytes;
      this.#send(act.frame);
    }
    return bytes;
  }

  #send(frame: LinkFrame): void {
    if (frame.type === LinkType.check) this.frames.push(frame.type);
    if (frame.type !== LinkType.entry || this.framesMax-- <= 0) return;
    const bytes = body(frame);
    const part = readEntryPart(bytes);
    if ('fault' in part) throw new Error(part.reason);
    if (part.part === 0) this.frames.push(frame.type);
    const entry = this.#assembler.take(part, bytes);
    if (typeof entry === 'string') throw new Error(entry);
    if (entry) this.came.push(entry);
  }
}
