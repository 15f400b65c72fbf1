import type { ParseFault } from '../../src/base/fault.ts';
import { LinkReader, LinkScribe } from './linkBytes.ts';
import { FRAME_BODY_MAX, FRAME_HEADER_BYTES, type LinkFrame, LinkType, shortFrame } from './linkFrame.ts';
import { LINK_WORDS_MAX } from './linkGreeting.ts';
import { type NodesQuestion, putNodes, readNodes, readSame, type SameAnswer } from './linkNodes.ts';

/** Blocks are compared by pages of 4 KiB, in groups of 64 KiB, in chunks of at most 1 MiB, by 16 bytes of hash each. */
export const CHECK_PAGE = 4096;
export const CHECK_GROUP: number = 16 * CHECK_PAGE;
export const CHECK_CHUNK_MAX: number = 16 * CHECK_GROUP;
export const CHECK_HASH_BYTES = 16;
/** A read's answer has to fit into a frame. */
export const READ_MAX: number = FRAME_BODY_MAX / 2;

/** What a sender asks in its turn: it is answered as the volume is once every entry before it was applied. */
export type LinkQuestion =
  /** Where do these bytes differ? One hash for the whole chunk, or one for each of its groups. */
  | { kind: 'check'; offset: number; length: number; coarse: boolean; hashes: Uint8Array }
  | NodesQuestion
  | { kind: 'read'; offset: number; length: number }
  | { kind: 'grow'; bytes: number };

export type LinkAnswer =
  | SameAnswer
  /** Page hashes of the far end for each group that differs, in order; the last page and group may be short. */
  | { kind: 'differ'; groups: readonly { group: number; pages: Uint8Array }[] }
  | { kind: 'data'; bytes: Uint8Array }
  /** The length that the volume has now. */
  | { kind: 'grew'; bytes: number }
  | { kind: 'failed'; words: string; mend: string };

export function questionFrame(id: number, question: LinkQuestion): LinkFrame {
  const scribe = new LinkScribe(FRAME_HEADER_BYTES).u32(id);
  switch (question.kind) {
    case 'check': {
      scribe
        .varint(question.offset)
        .varint(question.length)
        .u8(question.coarse ? 1 : 0)
        .raw(question.hashes);
      return shortFrame(LinkType.check, scribe.done());
    }
    case 'nodes':
      return shortFrame(LinkType.nodes, putNodes(scribe, question).done());
    case 'read':
      return shortFrame(LinkType.read, scribe.varint(question.offset).varint(question.length).done());
    case 'grow':
      return shortFrame(LinkType.grow, scribe.varint(question.bytes).done());
  }
}

/** The question of a frame of type `check`, `nodes`, `read` or `grow`; `hashes` and `sums` are views of the body. */
export function readQuestion(type: LinkType, body: Uint8Array): { id: number; question: LinkQuestion } | ParseFault {
  const reader = new LinkReader(body);
  const id = reader.u32();
  const question = questionOf(type, reader);
  reader.end();
  return reader.fault ?? { id, question };
}

export function answerFrame(id: number, answer: LinkAnswer): LinkFrame {
  const scribe = new LinkScribe(FRAME_HEADER_BYTES).u32(id);
  switch (answer.kind) {
    case 'differ': {
      scribe.varint(answer.groups.length);
      for (const { group, pages } of answer.groups)
        scribe
          .u8(group)
          .u8(pages.length / CHECK_HASH_BYTES)
          .raw(pages);
      return shortFrame(LinkType.differ, scribe.done());
    }
    case 'same':
      return shortFrame(LinkType.same, scribe.raw(answer.same).done());
    case 'data': {
      const head = scribe.done();
      const bytes = head.length - FRAME_HEADER_BYTES + answer.bytes.length;
      return { type: LinkType.data, head, parts: [answer.bytes], bytes };
    }
    case 'grew':
      return shortFrame(LinkType.grew, scribe.varint(answer.bytes).done());
    case 'failed': {
      scribe.text(answer.words, LINK_WORDS_MAX).text(answer.mend, LINK_WORDS_MAX);
      return shortFrame(LinkType.failed, scribe.done());
    }
  }
}

/** The answer of a frame of type `differ`, `same`, `data`, `grew` or `failed`; bytes are views of the body. */
export function readAnswer(type: LinkType, body: Uint8Array): { id: number; answer: LinkAnswer } | ParseFault {
  const reader = new LinkReader(body);
  const id = reader.u32();
  const answer = answerOf(type, reader);
  reader.end();
  return reader.fault ?? { id, answer };
}

export function ackFrame(number: number): LinkFrame {
  return numberFrame(LinkType.ack, number);
}

/** `stamp` comes back in the `pong`: any number below 2^48. */
export function pingFrame(type: typeof LinkType.ping | typeof LinkType.pong, stamp: number): LinkFrame {
  return numberFrame(type, stamp);
}

/** The number of an `ack`, `ping` or `pong`. */
export function readNumber(body: Uint8Array): number | ParseFault {
  const reader = new LinkReader(body);
  const number = reader.u48();
  reader.end();
  return reader.fault ?? number;
}

/** The volume's changes up to `order` of the shared order are among the entries up to `number` (48 bits, varint). */
export function throughFrame(number: number, order: number): LinkFrame {
  return shortFrame(LinkType.through, new LinkScribe(FRAME_HEADER_BYTES, 16).u48(number).varint(order).done());
}

export function readThrough(body: Uint8Array): { number: number; order: number } | ParseFault {
  const reader = new LinkReader(body);
  const through = { number: reader.u48(), order: reader.varint() };
  reader.end();
  return reader.fault ?? through;
}

export function resumeFrame(): LinkFrame {
  return shortFrame(LinkType.resume, new Uint8Array(FRAME_HEADER_BYTES));
}

function numberFrame(type: LinkType, number: number): LinkFrame {
  return shortFrame(type, new LinkScribe(FRAME_HEADER_BYTES, 6).u48(number).done());
}

function questionOf(type: LinkType, reader: LinkReader): LinkQuestion {
  if (type === LinkType.grow) return { kind: 'grow', bytes: reader.varint() };
  if (type === LinkType.nodes) return readNodes(reader);
  const offset = reader.varint();
  const length = reader.varint();
  if (length < 1 || length > (type === LinkType.read ? READ_MAX : CHECK_CHUNK_MAX))
    reader.fail(`a question about ${length} bytes`);
  if (!Number.isSafeInteger(offset + length)) reader.fail('a question about blocks beyond 2^53-1 bytes');
  if (type === LinkType.read) return { kind: 'read', offset, length };
  const coarse = reader.u8() === 1;
  const hashes = reader.raw(CHECK_HASH_BYTES * (coarse ? 1 : Math.ceil(length / CHECK_GROUP)));
  return { kind: 'check', offset, length, coarse, hashes };
}

function answerOf(type: LinkType, reader: LinkReader): LinkAnswer {
  if (type === LinkType.grew) return { kind: 'grew', bytes: reader.varint() };
  if (type === LinkType.same) return readSame(reader);
  if (type === LinkType.data) return { kind: 'data', bytes: reader.raw(reader.left) };
  if (type === LinkType.failed) {
    return { kind: 'failed', words: reader.text(LINK_WORDS_MAX), mend: reader.text(LINK_WORDS_MAX) };
  }
  const count = reader.varint();
  const groups: { group: number; pages: Uint8Array }[] = [];
  let least = 0;
  for (let n = 0; n < count && !reader.fault; n++) {
    const group = reader.u8();
    const pages = reader.u8();
    if (group < least || group >= CHECK_CHUNK_MAX / CHECK_GROUP) reader.fail(`the pages of group ${group}`);
    if (pages < 1 || pages > CHECK_GROUP / CHECK_PAGE) reader.fail(`a group of ${pages} pages`);
    least = group + 1;
    groups.push({ group, pages: reader.raw(pages * CHECK_HASH_BYTES) });
  }
  return { kind: 'differ', groups };
}
