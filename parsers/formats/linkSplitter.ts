import { type ParseFault, parseFault } from '../../src/base/fault.ts';
import { crc32c } from '../iscsi/crc32c.ts';
import {
  FRAME_HEADER_BYTES,
  type FrameHeader,
  GREETING_BODY_MAX,
  type LinkType,
  linkTypeName,
  PREAMBLE_BYTES,
  readFrameHeader,
  readPreamble,
} from './linkFrame.ts';

/** A frame that came, its sequence and both checksums proved. */
export interface ReceivedFrame {
  type: LinkType;
  /** How the body is compressed; 0: it is not. */
  compression: number;
  /** What `room` gave, or a part of it. */
  body: Uint8Array;
}

/** Cuts what one side of a journey link sends into frames. */
export class LinkSplitter {
  /** Bodies longer than this are refused before any room is taken for them. */
  bodyMax: number = GREETING_BODY_MAX;
  /** The version that both sides speak, once the preamble has come. */
  version: number | undefined;
  readonly #room: (bytes: number) => Uint8Array;
  readonly #taken: (frame: ReceivedFrame) => void;
  readonly #head = new Uint8Array(FRAME_HEADER_BYTES);
  #have = 0;
  #header: FrameHeader | undefined;
  #body: Uint8Array | undefined;
  #due = 0;
  #passed = 0;
  #fault: ParseFault | undefined;

  /** `room` gives at least so many bytes for a body, which go to `taken` with their frame. */
  constructor(room: (bytes: number) => Uint8Array, taken: (frame: ReceivedFrame) => void) {
    this.#room = room;
    this.#taken = taken;
  }

  /** Nothing that comes is looked at any more. */
  stop(): void {
    this.#fault ??= parseFault(this.#passed, 'nothing is wanted any more');
  }

  /** The next bytes, borrowed for the call. A fault is for good: nothing behind it is looked at. */
  push(bytes: Uint8Array): ParseFault | undefined {
    let at = 0;
    while (!this.#fault) {
      if (this.#header && this.#body) {
        const part = bytes.subarray(at, at + this.#header.length - this.#have);
        this.#body.set(part, this.#have);
        this.#have += part.length;
        at += part.length;
        if (this.#have < this.#header.length) break;
        this.#finish(this.#header, this.#body);
      } else {
        if (at === bytes.length) break;
        const wanted = this.version === undefined ? PREAMBLE_BYTES : FRAME_HEADER_BYTES;
        const part = bytes.subarray(at, at + wanted - this.#have);
        this.#head.set(part, this.#have);
        this.#have += part.length;
        at += part.length;
        if (this.#have < wanted) break;
        this.#have = 0;
        if (this.version === undefined) this.#greet();
        else this.#open();
      }
    }
    this.#passed += at;
    return this.#fault;
  }

  #greet(): void {
    const version = readPreamble(this.#head);
    if (typeof version === 'number') this.version = version;
    else this.#fault = version;
  }

  #open(): void {
    const header = readFrameHeader(this.#head, 0, this.#due, this.bodyMax);
    if ('fault' in header) {
      this.#fault = parseFault(this.#passed + header.offset, header.reason);
      return;
    }
    this.#due++;
    this.#header = header;
    this.#body = this.#room(header.length).subarray(0, header.length);
  }

  #finish(header: FrameHeader, body: Uint8Array): void {
    this.#header = undefined;
    this.#body = undefined;
    this.#have = 0;
    const { type, compression } = header;
    if (crc32c(body) === header.bodyCrc) this.#taken({ type, compression, body });
    else this.#fault = parseFault(this.#passed, `a frame (${linkTypeName(type)}) fails its checksum`);
  }
}
