import assert from 'node:assert/strict';
import fc from 'fast-check';
import { LinkReader, LinkScribe, uuidBytes, uuidText } from '../../../../parsers/formats/linkBytes.ts';
import { GREETING_BODY_MAX, LinkType } from '../../../../parsers/formats/linkFrame.ts';
import {
  type Hello,
  helloFrame,
  LINK_COMPRESSION,
  LINK_FEATURES,
  LINK_HASHES,
  readHello,
  readRefusal,
  readWelcome,
  readWords,
  refuseFrame,
  type Welcome,
  welcomeFrame,
  wordsFrame,
} from '../../../../parsers/formats/linkGreeting.ts';
import {
  ackFrame,
  answerFrame,
  CHECK_CHUNK_MAX,
  CHECK_GROUP,
  type LinkAnswer,
  type LinkQuestion,
  questionFrame,
  READ_MAX,
  readAnswer,
  readNumber,
  readQuestion,
} from '../../../../parsers/formats/linkRequests.ts';
import { Fault, isParseFault } from '../../../../src/base/fault.ts';
import { bodyOf, number, plain, word } from './linkBodies.ts';

const uuid = fc
  .uint8Array({ minLength: 16, maxLength: 16 })
  .map((bytes) => uuidText(Uint8Array.of(1, ...bytes.subarray(1))));

const HELLO: Hello = {
  volume: 'v',
  unit: 'u',
  epoch: '00000000-0000-4000-8000-000000000001',
  durable: 0,
  incarnation: undefined,
  bytes: 0,
  blockSize: 512,
  compression: [],
  hashes: [],
};

describe('D1 numbers and texts of the journey link', () => {
  it('come back as they were written', () => {
    fc.assert(
      fc.property(
        fc.nat(255),
        number,
        fc.nat(2 ** 48 - 1),
        fc.bigInt(0n, 2n ** 63n - 1n),
        word,
        uuid,
        (a, b, c, d, e, f) => {
          const scribe = new LinkScribe(3, 1)
            .u8(a)
            .varint(b)
            .u48(c)
            .nanos(d)
            .text(e, 255)
            .raw(uuidBytes(f))
            .u16(a * 200)
            .u32(c % 2 ** 32);
          const reader = new LinkReader(scribe.done().subarray(3));
          assert.deepEqual(
            [reader.u8(), reader.varint(), reader.u48(), reader.nanos(), reader.text(255)],
            [a, b, c, d, e],
          );
          assert.equal(uuidText(reader.raw(16)), f);
          assert.deepEqual([reader.u16(), reader.u32()], [a * 200, c % 2 ** 32]);
          reader.end();
          assert.equal(reader.fault, undefined);
        },
      ),
    );
  });

  it('are refused past the end, above 2^53-1, and with something behind them', () => {
    const over = new LinkReader(new Uint8Array(9).fill(0xff));
    assert.equal(over.varint(), 0);
    assert.match(over.fault?.reason ?? '', /above 2\^53-1/);
    const short = new LinkReader(Uint8Array.of(1));
    assert.equal(short.u32(), 0);
    assert.equal(short.fault?.offset, 0);
    const long = new LinkReader(Uint8Array.of(1, 2));
    long.u8();
    long.end();
    assert.match(long.fault?.reason ?? '', /1 bytes too many/);
    assert.throws(() => new LinkScribe(0).varint(-1), Fault);
    assert.throws(() => new LinkScribe(0).u48(2 ** 48), Fault);
  });

  it('keep words from acting upon a terminal, and cut them at a character', () => {
    const reader = new LinkReader(new LinkScribe(0).text('a\u001b[2J\u0000\u2028\u202eb', 100).done());
    assert.equal(reader.text(100), 'a [2J   b');
    const cut = new LinkReader(new LinkScribe(0).text('ab😀', 5).done());
    assert.equal(cut.text(5), 'ab');
    const wrong = new LinkReader(Uint8Array.of(2, 0xc3, 0x28));
    assert.equal(wrong.text(10), '');
    assert.match(wrong.fault?.reason ?? '', /UTF-8/);
    const long = new LinkReader(new LinkScribe(0).text('abcdef', 10).done());
    long.text(5);
    assert.match(long.fault?.reason ?? '', /6 bytes, 5 are allowed/);
  });
});

describe('D1 greetings, questions and answers of the journey link', () => {
  const choices = <T extends string>(all: readonly T[]) => fc.shuffledSubarray([...all]);
  const words = { words: word, mend: word };

  it('come back as they were sent', () => {
    const hello = fc.record({
      volume: word,
      unit: word,
      epoch: uuid,
      durable: fc.nat(2 ** 48 - 1),
      incarnation: fc.option(uuid, { nil: undefined }),
      bytes: number,
      blockSize: fc.nat(65536),
      compression: choices(LINK_COMPRESSION),
      hashes: choices(LINK_HASHES),
    });
    const welcome = fc.record({
      incarnation: uuid,
      durable: fc.option(fc.record({ epoch: uuid, number: fc.nat(2 ** 48 - 1) }), { nil: undefined }),
      consistent: fc.boolean(),
      bytes: number,
      blockSize: fc.integer({ min: 1, max: 65536 }),
      compression: choices(LINK_COMPRESSION),
      hash: fc.constantFrom(...LINK_HASHES),
      windowBytes: number,
      entryBytesMax: number,
      features: fc.option(choices(LINK_FEATURES), { nil: undefined }),
    });
    fc.assert(
      fc.property(hello, welcome, fc.record({ ...words, again: fc.boolean() }), fc.nat(2 ** 48 - 1), (h, w, r, n) => {
        assert.deepEqual(readHello(bodyOf(helloFrame(h as Hello))), { ...h });
        const durable = w.durable && { ...w.durable };
        // One of version 1 says nothing of features, and is read all the same.
        const { features, ...first } = w;
        const told = features ? { ...first, durable, features } : { ...first, durable };
        assert.deepEqual(readWelcome(bodyOf(welcomeFrame(w as Welcome))), told);
        assert.deepEqual(readRefusal(bodyOf(refuseFrame(r))), { ...r });
        const { words: text, mend } = r;
        assert.deepEqual(readWords(bodyOf(wordsFrame(LinkType.pause, { words: text, mend }))), { words: text, mend });
        assert.equal(readNumber(bodyOf(ackFrame(n))), n);
        assert.ok(helloFrame(h as Hello).bytes <= GREETING_BODY_MAX && refuseFrame(r).bytes <= GREETING_BODY_MAX);
      }),
    );
  });

  it('leave out what a later version may offer', () => {
    const body = bodyOf(helloFrame({ ...HELLO, compression: ['deflate'], hashes: ['sha256'] }));
    // The last two bytes are a choice of one hash.
    const later = Uint8Array.from([...body.subarray(0, -2), 2, 77, 0]);
    assert.deepEqual((readHello(later) as Hello).hashes, ['sha256']);
  });

  it('carry questions and answers', () => {
    const range = fc.record({ offset: fc.nat(2 ** 31), length: fc.integer({ min: 1, max: READ_MAX }) });
    const question: fc.Arbitrary<LinkQuestion> = fc.oneof(
      range.map((one) => ({ kind: 'read' as const, ...one })),
      fc.record({ kind: fc.constant('grow' as const), bytes: number }),
      fc.tuple(range, fc.boolean()).map(([one, coarse]) => {
        const hashes = new Uint8Array(16 * (coarse ? 1 : Math.ceil(one.length / CHECK_GROUP))).fill(9);
        return { kind: 'check' as const, ...one, coarse, hashes };
      }),
      fc
        .tuple(
          fc.nat(5),
          fc.array(fc.record({ first: fc.nat(100), count: fc.integer({ min: 1, max: 6 }) }), {
            minLength: 1,
            maxLength: 9,
          }),
        )
        .map(([level, gaps]) => {
          let at = 0;
          const runs = gaps.map(({ first, count }) => {
            const run = { first: at + first, count };
            at = run.first + count;
            return run;
          });
          const sums = new Uint8Array(16 * runs.reduce((sum, { count }) => sum + count, 0)).fill(7);
          return { kind: 'nodes' as const, level, blockBytes: 4096, runs, sums };
        }),
    );
    const { read, grow, check, nodes } = LinkType;
    const type = { read, grow, check, nodes };
    const answer: fc.Arbitrary<LinkAnswer> = fc.oneof(
      fc.record({ kind: fc.constant('grew' as const), bytes: number }),
      fc.record({ kind: fc.constant('data' as const), bytes: fc.uint8Array() }),
      fc.record({ kind: fc.constant('failed' as const), ...words }),
      fc.record({ kind: fc.constant('same' as const), same: fc.uint8Array({ maxLength: 512 }) }),
      fc.uniqueArray(fc.nat(15)).map((list) => ({
        kind: 'differ' as const,
        groups: list
          .sort((a, b) => a - b)
          .map((group) => ({ group, pages: new Uint8Array(16 * (1 + (group % 16))).fill(group) })),
      })),
    );
    const { grew, data, failed, differ, same } = LinkType;
    const answers = { grew, data, failed, differ, same };
    fc.assert(
      fc.property(fc.nat(2 ** 32 - 1), question, answer, (id, q, a) => {
        assert.deepEqual(readQuestion(type[q.kind], bodyOf(questionFrame(id, q))), { id, question: { ...q } });
        const back = readAnswer(answers[a.kind], bodyOf(answerFrame(id, a)));
        assert.ok(!isParseFault(back));
        assert.equal(back.id, id);
        assert.deepEqual(plain(back.answer), plain(a));
      }),
    );
  });

  it('refuse questions about too much, and answers out of order', () => {
    const long = questionFrame(1, { kind: 'read', offset: 0, length: READ_MAX + 1 });
    assert.ok(isParseFault(readQuestion(LinkType.read, bodyOf(long))));
    const none = questionFrame(1, { kind: 'read', offset: 0, length: 0 });
    assert.ok(isParseFault(readQuestion(LinkType.read, bodyOf(none))));
    const far = questionFrame(1, { kind: 'read', offset: Number.MAX_SAFE_INTEGER, length: 1 });
    assert.ok(isParseFault(readQuestion(LinkType.read, bodyOf(far))));
    const few = questionFrame(1, {
      kind: 'check',
      offset: 0,
      length: CHECK_CHUNK_MAX,
      coarse: false,
      hashes: new Uint8Array(16),
    });
    assert.ok(isParseFault(readQuestion(LinkType.check, bodyOf(few))));
    const nodes = (level: number, first: number, count: number, sums = count, blockBytes = 4096) =>
      readQuestion(
        LinkType.nodes,
        bodyOf(
          questionFrame(1, {
            kind: 'nodes',
            level,
            blockBytes,
            runs: [{ first, count }],
            sums: new Uint8Array(16 * sums),
          }),
        ),
      );
    assert.ok(!isParseFault(nodes(0, 0, 4096)));
    assert.ok(!isParseFault(nodes(1, 0, 64)));
    assert.ok(isParseFault(nodes(0, 0, 4097)), 'too many blocks');
    assert.ok(isParseFault(nodes(1, 0, 65)), 'more than a receiver may have to read');
    assert.ok(isParseFault(nodes(7, 0, 1)), 'above the top');
    assert.ok(isParseFault(nodes(0, 0, 2, 1)), 'a sum is missing');
    assert.ok(isParseFault(nodes(0, 0, 1, 2)), 'a sum too many');
    assert.ok(isParseFault(nodes(0, 0, 0)), 'no node');
    assert.ok(isParseFault(nodes(6, 2 ** 10, 1)), 'beyond 2^53-1');
    for (const size of [0, 256, 4095, 2 ** 21]) assert.ok(isParseFault(nodes(0, 0, 1, 1, size)), `${size}`);
    assert.ok(
      isParseFault(readAnswer(LinkType.same, bodyOf(answerFrame(1, { kind: 'same', same: new Uint8Array(513) })))),
    );
    const pages = new Uint8Array(16);
    for (const groups of [[3, 3], [4, 2], [16]]) {
      const frame = answerFrame(1, { kind: 'differ', groups: groups.map((group) => ({ group, pages })) });
      assert.ok(isParseFault(readAnswer(LinkType.differ, bodyOf(frame))), `${groups}`);
    }
  });
});
