import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type EntryPart, readEntryPart } from '../../../parsers/formats/linkEntry.ts';
import { FRAME_BODY_MAX, FRAME_HEADER_BYTES } from '../../../parsers/formats/linkFrame.ts';
import { copyOf } from '../../../src/base/bytes.ts';
import type { Piece } from '../../../src/base/change.ts';
import { isParseFault } from '../../../src/base/fault.ts';
import type { OrderedEntry } from '../../../src/base/ordered.ts';
import { type AssembledEntry, ENTRY_RUNS_MAX, EntryAssembler } from '../../../src/link/assembler.ts';
import { EntryCutter } from '../../../src/link/cutter.ts';
import { pieceBytes, runsOf, wrongEntry } from '../../../src/link/runs.ts';
import { allZeros, ZEROS_MIN, zeroRuns } from '../../../src/link/zeros.ts';
import { applyPiece } from '../../kit/farStore.ts';

const SIZE = 65536;

function zerosIn(bytes: Uint8Array, offset = 0, align = 512): [number, number][] {
  const found: [number, number][] = [];
  zeroRuns(bytes, offset, align, (start, end) => found.push([start, end]));
  return found;
}

/** An entry through its frames; the bytes that they took. */
function travel(entry: OrderedEntry, frameData?: number): { back: AssembledEntry; wire: number; frames: number } {
  const assembler = new EntryAssembler(1);
  const cutter = new EntryCutter(entry, 1, 512, frameData);
  let wire = 0;
  let frames = 0;
  let back: AssembledEntry | string | undefined;
  for (let frame = cutter.next(); frame; frame = cutter.next()) {
    assert.equal(back, undefined, 'nothing comes behind the end');
    assert.ok(frame.bytes <= FRAME_BODY_MAX);
    wire += FRAME_HEADER_BYTES + frame.bytes;
    frames++;
    const body = Uint8Array.from(Buffer.concat([frame.head.subarray(FRAME_HEADER_BYTES), ...frame.parts]));
    const part = readEntryPart(body);
    assert.ok(!isParseFault(part));
    back = assembler.take(part, body);
  }
  assert.ok(back && typeof back !== 'string', `${back}`);
  return { back, wire, frames };
}

/** Bytes with long and short runs of zeros in them. */
const sparse = fc
  .array(fc.tuple(fc.nat(9000), fc.boolean()), { minLength: 1, maxLength: 8 })
  .map((runs) => {
    const parts = runs.map(([length, zero]) => new Uint8Array(length).fill(zero ? 0 : 7));
    return Uint8Array.from(Buffer.concat(parts));
  })
  .filter((bytes) => bytes.length > 0);

/** Pieces that do not overlap, in any order. */
const pieces = fc
  .array(
    fc.tuple(
      fc.nat(3000),
      fc.integer({ min: 1, max: 20_000 }),
      fc.constantFrom('bytes', 'zeros', 'fill', 'or'),
      sparse,
    ),
    { maxLength: 6 },
  )
  .chain((list) => {
    let end = 0;
    const made: Piece[] = [];
    for (const [gap, length, kind, bytes] of list) {
      const offset = end + gap;
      if (kind === 'zeros') made.push({ offset, length, payload: 'zeros' });
      else if (kind === 'fill') made.push({ offset, length, payload: { fill: bytes.subarray(0, 512) } });
      else {
        const half = bytes.length >> 1;
        const parts = [bytes.subarray(0, half), bytes.subarray(half)];
        made.push({ offset, length: bytes.length, payload: kind === 'or' ? { or: parts } : parts });
      }
      end = offset + (made.at(-1)?.length ?? 0);
    }
    return fc.shuffledSubarray(made, { minLength: made.length });
  });

describe('D2 zeros travel as lengths', () => {
  it('runs are whole blocks, as long as they can be, and nothing but zeros', () => {
    fc.assert(
      fc.property(sparse, fc.nat(5000), fc.constantFrom(1, 512, 4096), (bytes, offset, align) => {
        const found = zerosIn(bytes, offset, align);
        const covered = new Uint8Array(bytes.length);
        for (const [start, end] of found) {
          assert.ok(end - start >= ZEROS_MIN);
          assert.equal((offset + start) % align, 0);
          assert.equal((offset + end) % align, 0);
          assert.ok(bytes.subarray(start, end).every((byte) => byte === 0));
          covered.fill(1, start, end);
        }
        // No run that is long enough in whole blocks was left out.
        for (let at = 0, from = 0; at <= bytes.length; at++) {
          if (at < bytes.length && bytes[at] === 0 && covered[at] === 0) continue;
          const start = Math.ceil((offset + from) / align) * align;
          const end = Math.floor((offset + at) / align) * align;
          assert.ok(end - start < ZEROS_MIN, `zeros in ${from} to ${at}`);
          from = at + 1;
        }
      }),
    );
  });

  it('a page of zeros costs some bytes and a page of data itself', () => {
    const entry = (bytes: Uint8Array): OrderedEntry => {
      return {
        kind: 'change',
        at: 0n,
        pieces: [{ offset: 4096, length: bytes.length, payload: [bytes] }],
        consistent: true,
      };
    };
    assert.ok(travel(entry(new Uint8Array(SIZE))).wire < 64);
    assert.ok(travel(entry(new Uint8Array(SIZE).fill(1))).wire < SIZE + 80);
    assert.ok(allZeros(new Uint8Array(70_000)) && !allZeros(Uint8Array.of(0, 0, 1)) && allZeros(new Uint8Array(0)));
  });
});

describe('D1 entries in frames', () => {
  it('change a volume as the entry itself does, whatever the frames hold', () => {
    fc.assert(
      fc.property(pieces, fc.constantFrom(4096, 10_000, undefined), fc.boolean(), (list, frameData, consistent) => {
        const entry: OrderedEntry = { kind: 'change', at: 77n, pieces: list, consistent };
        assert.equal(wrongEntry(entry), undefined);
        const { back } = travel(entry, frameData);
        const length = Math.max(1, ...list.map((piece) => piece.offset + piece.length));
        const expected = new Uint8Array(length).fill(0x41);
        const came = copyOf(expected);
        for (const piece of list) applyPiece(expected, piece);
        assert.ok(back.entry.kind === 'change' && back.entry.at === 77n && back.entry.consistent === consistent);
        for (const piece of back.entry.pieces) applyPiece(came, piece);
        assert.ok(Buffer.compare(came, expected) === 0);
      }),
    );
  });

  it('that hold no bytes of a volume come through', () => {
    const mark: OrderedEntry = { kind: 'mark', at: 5n, name: 'noon', consistent: true };
    assert.deepEqual(travel(mark).back.entry, mark);
    const state: OrderedEntry = { kind: 'state', at: 6n, consistent: false };
    assert.deepEqual(travel(state).back.entry, state);
    const empty: OrderedEntry = { kind: 'copy', at: 6n, pieces: [], consistent: false };
    assert.deepEqual(travel(empty).back.entry, empty);
  });

  it('come in parts of bounded frames, joined where they were cut', () => {
    const bytes = new Uint8Array(3 * 1024 * 1024).fill(9);
    const piece: Piece = { offset: 512, length: bytes.length, payload: [bytes] };
    const { back, frames } = travel({ kind: 'copy', at: 0n, pieces: [piece], consistent: false });
    assert.equal(frames, 48);
    assert.ok(back.entry.kind === 'copy');
    assert.deepEqual(
      back.entry.pieces.map(({ offset, length }) => [offset, length]),
      [[512, bytes.length]],
    );
    assert.equal(back.bodies.length, 48);
  });

  it("that cannot travel are their maker's bug", () => {
    const wrong = (...list: Piece[]): string =>
      wrongEntry({ kind: 'change', at: 0n, pieces: list, consistent: true })?.message ?? '';
    assert.match(wrong({ offset: 0, length: 512, payload: 'lbnOnly' }), /nobody knows/);
    assert.match(wrong({ offset: 0, length: 512, payload: [new Uint8Array(511)] }), /of 512 bytes has 511/);
    assert.match(
      wrong({ offset: 600, length: 512, payload: 'zeros' }, { offset: 100, length: 512, payload: 'zeros' }),
      /in two pieces/,
    );
    assert.match(wrong({ offset: -1, length: 512, payload: 'zeros' }), /at -1/);
    assert.match(wrong({ offset: 0, length: 512, payload: { fill: new Uint8Array(0) } }), /a block of 0 bytes/);
    assert.match(wrongEntry({ kind: 'mark', at: 0n, name: '', consistent: true })?.message ?? '', /name of 0 bytes/);
    assert.match(
      wrongEntry({ kind: 'mark', at: 0n, name: 'x'.repeat(256), consistent: true })?.message ?? '',
      /256 bytes/,
    );
  });

  it('count what they hold, not what they stand for', () => {
    const list: Piece[] = [
      { offset: 0, length: 2 ** 40, payload: 'zeros' },
      { offset: 2 ** 40, length: 2 ** 40, payload: { fill: new Uint8Array(512).fill(1) } },
    ];
    assert.equal(pieceBytes(list), 512);
    assert.equal(runsOf(list, 512).length, 2);
  });
});

describe('D1 a receiver believes no part of an entry', () => {
  const part = (changes: Partial<EntryPart> = {}): EntryPart => {
    const runs: Piece[] = [{ offset: 0, length: 4, payload: [new Uint8Array(4)] }];
    return { number: 1, part: 0, more: false, kind: 'change', at: 1n, consistent: true, name: '', runs, ...changes };
  };
  const take = (...parts: EntryPart[]): string => {
    const assembler = new EntryAssembler(1);
    let last: unknown;
    for (const one of parts) {
      last = assembler.take(one, new Uint8Array(4));
      if (typeof last === 'string') return last;
    }
    return last === undefined ? 'more' : 'whole';
  };

  it('that comes again, too early or contradicts the one before', () => {
    assert.equal(take(part()), 'whole');
    assert.match(take(part(), part()), /entry 1 came again/);
    assert.match(take(part({ number: 3 })), /entry 3 came, and 1 is due/);
    assert.match(take(part({ part: 1 })), /part 1 of entry 1 came, and 0 is due/);
    const behind: Piece[] = [{ offset: 4, length: 4, payload: 'zeros' }];
    assert.equal(take(part({ more: true }), part({ part: 1, runs: behind })), 'whole');
    assert.match(take(part({ more: true }), part({ part: 1 })), /overlap/);
    assert.match(take(part({ more: true }), part({ part: 1, runs: behind, consistent: false })), /contradict/);
    assert.match(take(part({ more: true }), part({ part: 1, runs: behind, at: 2n })), /contradict/);
    assert.match(take(part({ kind: 'mark', runs: [] })), /without a name/);
  });

  it('that would fill its memory', () => {
    assert.match(take(part({ more: true, runs: [] })), /holds nothing/);
    const assembler = new EntryAssembler(1);
    let wrong: unknown;
    // Runs that join cost a part each all the same.
    for (let n = 0; wrong === undefined && n <= ENTRY_RUNS_MAX / 1000; n++) {
      const runs = Array.from(
        { length: 1000 },
        (_, i): Piece => ({ offset: n * 1000 + i, length: 1, payload: [Uint8Array.of(1)] }),
      );
      wrong = assembler.take(part({ part: n, more: true, runs }), new Uint8Array(1));
    }
    assert.match(`${wrong}`, /more than/);
    let large: unknown;
    const wide = new EntryAssembler(1);
    const bytes = new Uint8Array(1024 * 1024);
    for (let n = 0; large === undefined && n < 300; n++) {
      const runs: Piece[] = [{ offset: n * bytes.length, length: bytes.length, payload: [bytes] }];
      large = wide.take(part({ part: n, more: true, runs }), bytes);
    }
    assert.match(`${large}`, /more than/);
  });
});
