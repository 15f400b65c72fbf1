import type { ParseFault } from '../../src/base/fault.ts';
import type { EntryPlace } from '../../src/base/ordered.ts';
import { LinkReader, LinkScribe, UUID_BYTES, uuidBytes, uuidText } from './linkBytes.ts';
import { FRAME_HEADER_BYTES, type LinkFrame, LinkType, shortFrame } from './linkFrame.ts';

/** The longest names of volumes and units, and the longest words for people, in bytes of UTF-8. */
export const LINK_NAME_MAX = 255;
export const LINK_WORDS_MAX = 1000;

/** How bodies may be compressed and hashed; the numbers stand on the wire, a set is the bits `1 << number`. */
export const LINK_COMPRESSION = ['none', 'deflate', 'brotli', 'zstd'] as const;
export type LinkCompression = (typeof LINK_COMPRESSION)[number];
export const LINK_HASHES = ['sha256', 'blake2b512'] as const;
export type LinkHash = (typeof LINK_HASHES)[number];

/** What a receiver can do beyond version 1; the numbers stand on the wire, and what a sender does not know it leaves out. */
export const LINK_FEATURES = ['nodes', 'order', 'about'] as const;
export type LinkFeature = (typeof LINK_FEATURES)[number];

/** The sender's first frame. */
export interface Hello {
  /** The volume's name at the far end. */
  volume: string;
  /** The sending unit's own name, which is the same after a restart. */
  unit: string;
  /** A UUID of the sending process. */
  epoch: string;
  /** The last entry of this epoch that the sender knows to be durable; 0: none. */
  durable: number;
  /** The far store's incarnation as the sender knows it. */
  incarnation: string | undefined;
  /** Of the volume that is mirrored; 0 while unknown. */
  bytes: number;
  blockSize: number;
  /** Compression that the sender may use, and hashes that it can do, the best first. */
  compression: readonly LinkCompression[];
  hashes: readonly LinkHash[];
}

/** The receiver's answer where it takes the volume's changes. */
export interface Welcome {
  incarnation: string;
  durable: EntryPlace | undefined;
  consistent: boolean;
  bytes: number;
  blockSize: number;
  /** Compression that the receiver understands, and the hash to use. */
  compression: readonly LinkCompression[];
  hash: LinkHash;
  /** Bytes of entries that the receiver wants under way at most, and of one entry. */
  windowBytes: number;
  entryBytesMax: number;
  /** Absent: it is of version 1, or talks to one who is. */
  features?: readonly LinkFeature[];
}

/** Words for people: what is wrong, and what mends it. */
export interface LinkWords {
  words: string;
  mend: string;
}

/** The receiver's answer where it does not; also what ends a connection whose peer did what it must not. */
export interface Refusal extends LinkWords {
  /** The same may succeed later without anybody mending anything at the sender. */
  again: boolean;
}

const NONE = new Uint8Array(UUID_BYTES);

export function helloFrame(hello: Hello): LinkFrame {
  const scribe = begin()
    .text(hello.volume, LINK_NAME_MAX)
    .text(hello.unit, LINK_NAME_MAX)
    .raw(uuidBytes(hello.epoch))
    .u48(hello.durable)
    .raw(hello.incarnation === undefined ? NONE : uuidBytes(hello.incarnation))
    .varint(hello.bytes)
    .u32(hello.blockSize);
  return shortFrame(
    LinkType.hello,
    putChoices(putChoices(scribe, LINK_COMPRESSION, hello.compression), LINK_HASHES, hello.hashes).done(),
  );
}

export function readHello(body: Uint8Array): Hello | ParseFault {
  const reader = new LinkReader(body);
  const hello: Hello = {
    volume: reader.text(LINK_NAME_MAX),
    unit: reader.text(LINK_NAME_MAX),
    epoch: uuidText(reader.raw(UUID_BYTES)),
    durable: reader.u48(),
    incarnation: readUuid(reader),
    bytes: reader.varint(),
    blockSize: reader.u32(),
    compression: readChoices(reader, LINK_COMPRESSION),
    hashes: readChoices(reader, LINK_HASHES),
  };
  reader.end();
  return reader.fault ?? hello;
}

export function welcomeFrame(welcome: Welcome): LinkFrame {
  const { durable } = welcome;
  const scribe = begin()
    .raw(uuidBytes(welcome.incarnation))
    .raw(durable === undefined ? NONE : uuidBytes(durable.epoch))
    .u48(durable?.number ?? 0)
    .u8(welcome.consistent ? 1 : 0)
    .varint(welcome.bytes)
    .u32(welcome.blockSize)
    .varint(welcome.windowBytes)
    .varint(welcome.entryBytesMax);
  putChoices(putChoices(scribe, LINK_COMPRESSION, welcome.compression), LINK_HASHES, [welcome.hash]);
  if (welcome.features) putChoices(scribe, LINK_FEATURES, welcome.features);
  return shortFrame(LinkType.welcome, scribe.done());
}

export function readWelcome(body: Uint8Array): Welcome | ParseFault {
  const reader = new LinkReader(body);
  const incarnation = uuidText(reader.raw(UUID_BYTES));
  const epoch = readUuid(reader);
  const number = reader.u48();
  const durable = epoch === undefined ? undefined : { epoch, number };
  const flags = reader.u8();
  const welcome = {
    incarnation,
    durable,
    consistent: flags === 1,
    bytes: reader.varint(),
    blockSize: reader.u32(),
    windowBytes: reader.varint(),
    entryBytesMax: reader.varint(),
    compression: readChoices(reader, LINK_COMPRESSION),
  };
  const [hash] = readChoices(reader, LINK_HASHES);
  if (flags > 1) reader.fail('flags that mean nothing');
  if (hash === undefined) reader.fail('no hash was chosen');
  if (welcome.blockSize === 0) reader.fail('blocks of 0 bytes');
  const features = reader.left > 0 ? readChoices(reader, LINK_FEATURES) : undefined;
  reader.end();
  return reader.fault ?? { ...welcome, hash, ...(features ? { features } : {}) };
}

export function refuseFrame({ words, mend, again }: Refusal): LinkFrame {
  const scribe = begin().u8(again ? 1 : 0);
  return shortFrame(LinkType.refuse, scribe.text(words, LINK_WORDS_MAX).text(mend, LINK_WORDS_MAX).done());
}

export function readRefusal(body: Uint8Array): Refusal | ParseFault {
  const reader = new LinkReader(body);
  const again = reader.u8() === 1;
  const refusal = { again, words: reader.text(LINK_WORDS_MAX), mend: reader.text(LINK_WORDS_MAX) };
  reader.end();
  return reader.fault ?? refusal;
}

/** `pause`: nothing can be taken at present; `bye`: the connection ends on purpose. */
export function wordsFrame(type: typeof LinkType.pause | typeof LinkType.bye, { words, mend }: LinkWords): LinkFrame {
  return shortFrame(type, begin().text(words, LINK_WORDS_MAX).text(mend, LINK_WORDS_MAX).done());
}

export function readWords(body: Uint8Array): LinkWords | ParseFault {
  const reader = new LinkReader(body);
  const words = { words: reader.text(LINK_WORDS_MAX), mend: reader.text(LINK_WORDS_MAX) };
  reader.end();
  return reader.fault ?? words;
}

/** A body behind the room for its frame's header. */
function begin(): LinkScribe {
  return new LinkScribe(FRAME_HEADER_BYTES, 128);
}

function readUuid(reader: LinkReader): string | undefined {
  const bytes = reader.raw(UUID_BYTES);
  return bytes.every((byte) => byte === 0) ? undefined : uuidText(bytes);
}

function putChoices<T extends string>(scribe: LinkScribe, all: readonly T[], chosen: readonly T[]): LinkScribe {
  scribe.u8(chosen.length);
  for (const choice of chosen) scribe.u8(all.indexOf(choice));
  return scribe;
}

/** In their order; what this version does not know is left out. */
function readChoices<T extends string>(reader: LinkReader, all: readonly T[]): T[] {
  return Array.from(reader.raw(reader.u8()), (choice) => all[choice]).filter((choice) => choice !== undefined);
}
