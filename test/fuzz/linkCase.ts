import assert from 'node:assert/strict';
import { LinkScribe } from '../../parsers/formats/linkBytes.ts';
import { readEntryPart } from '../../parsers/formats/linkEntry.ts';
import { FRAME_BODY_MAX, FRAME_HEADER_BYTES, LinkType, preamble, sealFrame } from '../../parsers/formats/linkFrame.ts';
import { helloFrame, readHello, readRefusal, readWelcome, readWords } from '../../parsers/formats/linkGreeting.ts';
import { readAnswer, readNumber, readQuestion } from '../../parsers/formats/linkRequests.ts';
import { LinkSplitter } from '../../parsers/formats/linkSplitter.ts';
import { isParseFault } from '../../src/base/fault.ts';
import { Receiver } from '../../src/link/receiver.ts';
import type { Random } from './random.ts';

const VOLUME = 65536;
const EPOCH = '00000000-0000-4000-8000-000000000001';
const STORE = '00000000-0000-4000-8000-000000000002';
const TYPES = Object.values(LinkType);

const READERS: readonly ((body: Uint8Array) => unknown)[] = [
  readHello,
  readWelcome,
  readRefusal,
  readWords,
  readEntryPart,
  readNumber,
  ...TYPES.map((type) => (body: Uint8Array) => readQuestion(type, body)),
  ...TYPES.map((type) => (body: Uint8Array) => readAnswer(type, body)),
];

/** Bodies, frames and whole streams of a hostile sender: a value or a fault, and nothing applied beyond the volume (H5, D1). */
export function linkCase(random: Random): void {
  const body = bodyOf(random);
  const found = random.pick(READERS)(body);
  if (isParseFault(found)) assert.ok(found.offset >= 0 && found.offset <= body.length && found.reason.length > 0);
  hostileSender(random);
}

function bodyOf(random: Random): Uint8Array {
  const body = new Uint8Array(random.below(300));
  if (random.chance(2)) random.fill(body);
  for (let n = random.below(6); n > 0 && body.length > 0; n--) body[random.below(body.length)] = random.hostile();
  return body;
}

/** An entry that is nearly right. */
function entryBody(random: Random, number: number): Uint8Array {
  const scribe = new LinkScribe(0).u48(random.chance(20) ? random.below(5) : number).u32(random.chance(20) ? 1 : 0);
  scribe.u8(random.chance(12) ? random.below(8) : 2).u8(random.chance(12) ? random.below(6) : random.below(2));
  scribe.nanos(BigInt(random.word()));
  const runs = random.below(4);
  scribe.varint(random.chance(20) ? random.hostile() : runs);
  let bytes = 0;
  for (let n = 0; n < runs; n++) {
    const length = random.chance(20) ? random.hostile() : random.between(1, 600);
    const kind = random.below(random.chance(20) ? 8 : 4);
    const block = Math.max(1, random.below(8));
    const whole = kind === 2 ? length * block : length;
    scribe
      .varint(random.chance(15) ? random.hostile() : random.below(40_000))
      .varint(whole)
      .u8(kind);
    if (kind === 2) scribe.varint(block);
    if (kind !== 1) bytes += kind === 2 ? block : Math.min(length, 600);
  }
  return scribe.raw(new Uint8Array(bytes + (random.chance(30) ? 1 : 0)).fill(5)).done();
}

function hostileSender(random: Random): void {
  const receiver = new Receiver([], 0);
  const splitter = new LinkSplitter(
    (bytes) => {
      assert.ok(bytes <= FRAME_BODY_MAX);
      return new Uint8Array(bytes);
    },
    ({ type, body }) => receiver.frame(type, body, 0),
  );
  splitter.bodyMax = FRAME_BODY_MAX;
  const hello = {
    volume: 'v',
    unit: 'u',
    epoch: EPOCH,
    durable: 0,
    incarnation: undefined,
    bytes: VOLUME,
    blockSize: 512,
  };
  const frames: Uint8Array[] = [preamble()];
  if (!random.chance(10)) frames.push(...sealFrame(helloFrame({ ...hello, compression: [], hashes: ['sha256'] }), 0));
  for (let n = 1; n < 8; n++) {
    const entry = !random.chance(4);
    const body = entry ? entryBody(random, n) : bodyOf(random);
    const head = new Uint8Array(FRAME_HEADER_BYTES);
    const type = entry ? LinkType.entry : random.pick(TYPES);
    frames.push(...sealFrame({ type, head, parts: [body], bytes: body.length }, random.chance(30) ? n - 1 : n));
  }
  const stream = Buffer.concat(frames);
  if (random.chance(4)) stream[random.below(stream.length)] ^= 1 << random.below(8);
  let due = 1;
  for (let at = 0; at < stream.length; ) {
    const end = at + random.between(1, 400);
    if (splitter.push(stream.subarray(at, end))) break;
    at = end;
    due = answer(receiver, due);
  }
}

/** A store that takes everything, and looks at what it is given. */
function answer(receiver: Receiver, from: number): number {
  let due = from;
  for (let acts = receiver.take(); acts.length > 0; acts = receiver.take()) {
    for (const act of acts) {
      if (act.kind === 'hello') {
        const facts = { incarnation: STORE, durable: undefined, consistent: true, bytes: VOLUME, blockSize: 512 };
        receiver.welcome(facts, 'sha256', 0);
      } else if (act.kind === 'append') {
        assert.equal(act.place.number, due++);
        let end = 0;
        for (const { offset, length } of 'pieces' in act.entry ? act.entry.pieces : []) {
          assert.ok(offset >= end && length > 0 && offset + length <= VOLUME, 'within the volume');
          end = offset + length;
        }
        receiver.appended(act.place.number, 0);
      } else if (act.kind === 'question') receiver.answered({ kind: 'grew', bytes: VOLUME }, 0);
      else if (act.kind === 'sync') receiver.synced(0);
    }
  }
  return due;
}
