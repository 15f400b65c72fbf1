import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Fault } from '../../../../src/base/fault.ts';
import type { Credentials } from '../../../../src/iscsi/initiator/authentication.ts';
import { Command } from '../../../../src/iscsi/initiator/command.ts';
import type { SessionParameters } from '../../../../src/iscsi/initiator/parameters.ts';
import { InitiatorSession, type SessionOwner } from '../../../../src/iscsi/initiator/session.ts';
import type { TargetLine } from '../../../../src/iscsi/target/types.ts';
import { Bench, bytes, INITIATOR, rw, TARGET } from './kit.ts';

const USER = { user: 'anna', secret: 'a secret of the initiator' };
const MUTUAL = { user: 'disk', secret: 'a secret of the target' };

interface Options {
  credentials?: Credentials;
  algorithms?: readonly number[];
  digests?: { header: boolean; data: boolean };
  /** Sizes of the pieces that bytes arrive in, in turn. */
  pieces?: readonly number[];
}

/** Our own initiator, joined to the target without a network. */
class Pair implements SessionOwner {
  readonly bench: Bench;
  readonly session: InitiatorSession;
  readonly line: TargetLine;
  readonly #pieces: readonly number[];
  #piece = 0;
  parameters: SessionParameters | undefined;
  fault: Fault | undefined;
  isOut = false;

  constructor(bench: Bench, options: Options = {}) {
    this.bench = bench;
    const {
      credentials,
      algorithms = [8, 7, 6, 5],
      digests = { header: false, data: false },
      pieces = [65536],
    } = options;
    this.#pieces = pieces;
    let counter = 3;
    this.session = new InitiatorSession(
      {
        peer: '10.0.0.9:3260',
        initiatorName: INITIATOR,
        targetName: TARGET,
        credentials,
        algorithms,
        digests,
        random: (length) => Uint8Array.from({ length }, () => (counter++ * 11) & 0xff),
        isid: Uint8Array.of(0x80, 1, 2, 3, 4, 5),
        unsent: () => 0,
        commandsMax: 32,
        mayReset: true,
        pingAfterNs: 5e9,
        silentNs: 2e9,
        pongNs: 5e9,
        managementNs: 5e9,
      },
      this,
    );
    const line = bench.node.accept(
      { address: '10.0.0.7', port: 1, localAddress: '10.0.0.9', localPort: 3260 },
      bench.now,
    );
    assert.ok(line);
    this.line = line;
    this.session.start(bench.now);
    this.settle();
  }

  up(parameters: SessionParameters): void {
    this.parameters = parameters;
  }

  moved(): void {
    assert.fail('sent elsewhere');
  }

  over(fault: Fault): void {
    this.fault = fault;
  }

  loggedOut(): void {
    this.isOut = true;
  }

  logoutWanted(): void {
    this.session.logout();
  }

  sense(): void {
    assert.fail('sense without a command');
  }

  /** Carries bytes both ways until nobody says anything. */
  settle(): void {
    const { session, line, bench } = this;
    for (let quiet = false; !quiet; ) {
      quiet = true;
      for (const buffer of session.take()) {
        quiet = false;
        this.#cut(buffer, (at, n) => line.receive(buffer, at, n, bench.now));
      }
      session.flushed();
      for (const buffer of line.take()) {
        quiet = false;
        this.#cut(buffer, (at, n) => session.received(buffer, at, n, bench.now));
      }
      line.sent(line.taken, bench.now);
    }
  }

  #cut(buffer: Uint8Array, pass: (at: number, n: number) => void): void {
    for (let at = 0; at < buffer.length; ) {
      const n = Math.min(buffer.length - at, this.#pieces[this.#piece++ % this.#pieces.length]);
      pass(at, n);
      at += n;
    }
  }

  command(opcode: number, lbn: number, blocks: number, out?: Uint8Array): Command {
    const command = new Command();
    command.limitNs = 30e9;
    command.cdb.set(rw(opcode, lbn, blocks));
    if (out) {
      command.parts = [out.subarray(0, 100), out.subarray(100)];
      command.outBytes = out.length;
    } else {
      command.into = new Uint8Array(blocks * 512);
      command.inBytes = blocks * 512;
    }
    this.session.submit(command, this.bench.now);
    return command;
  }
}

describe('iSCSI target: with our own initiator', () => {
  for (const algorithm of [5, 6, 7, 8]) {
    it(`both prove who they are with algorithm ${algorithm}`, () => {
      const bench = new Bench({}, { auth: { users: [USER], mutual: MUTUAL } });
      const pair = new Pair(bench, { credentials: { ...USER, mutual: MUTUAL }, algorithms: [algorithm] });
      assert.deepEqual([pair.fault, pair.session.up, pair.session.algorithm], [undefined, true, algorithm]);
      const imposter = new Pair(bench, {
        credentials: { ...USER, mutual: { user: MUTUAL.user, secret: 'something else, and wrong' } },
      });
      assert.match(imposter.fault?.message ?? '', /does not prove itself/);
      const thief = new Pair(bench, { credentials: { user: USER.user, secret: 'guessed', mutual: undefined } });
      assert.match(thief.fault?.message ?? '', /authentication failed/);
    });
  }

  it('agree on lengths, bursts and R2Ts', () => {
    const { parameters } = new Pair(new Bench(), { digests: { header: true, data: true } });
    assert.deepEqual(parameters, {
      headerDigest: true,
      dataDigest: true,
      initialR2T: false,
      immediateData: true,
      firstBurstLength: 262144,
      maxBurstLength: 1048576,
      maxOutstandingR2T: 8,
      sendSegmentMax: 262144,
      receiveSegmentMax: 262144,
    });
  });

  it('write and read what they are told, in pieces of any size, with and without digests', () =>
    fc.assert(
      fc.property(
        fc.boolean(),
        fc.boolean(),
        fc.array(fc.integer({ min: 7, max: 20000 }), { minLength: 1, maxLength: 9 }),
        fc.array(fc.tuple(fc.integer({ min: 0, max: 1000 }), fc.integer({ min: 1, max: 1000 })), {
          minLength: 1,
          maxLength: 8,
        }),
        (header, data, pieces, runs) => {
          const bench = new Bench();
          const pair = new Pair(bench, { digests: { header, data }, pieces });
          const model = new Uint8Array(1 << 20);
          for (const [lbn, blocks] of runs) {
            const out = bytes(blocks * 512, lbn);
            const write = pair.command(0x2a, lbn, blocks, out);
            pair.settle();
            assert.deepEqual([write.ending, write.status, write.underflow, write.overflow], ['status', 0, 0, 0]);
            model.set(out, lbn * 512);
            const read = pair.command(0x28, 0, 2000);
            pair.settle();
            assert.equal(read.status, 0);
            assert.ok(Buffer.compare(read.into as Uint8Array, model.subarray(0, 2000 * 512)) === 0);
          }
          assert.equal(pair.fault, undefined);
          assert.deepEqual([bench.node.bytes, bench.node.waitingBytes], [0, 0]);
          pair.session.logout();
          pair.settle();
          assert.deepEqual([pair.isOut, bench.node.idle], [true, true]);
        },
      ),
      { numRuns: 15 },
    ));

  it('keep alive what is silent, and leave when they are asked to', () => {
    const bench = new Bench();
    const pair = new Pair(bench);
    for (let second = 0; second < 60; second++) {
      bench.now += 1e9;
      bench.node.tick(bench.now);
      pair.session.tick(bench.now);
      pair.settle();
    }
    assert.deepEqual([pair.fault, pair.line.closing], [undefined, 'no']);
    bench.node.stop(3);
    pair.settle();
    assert.deepEqual([pair.isOut, bench.node.idle, pair.line.closing], [true, true, 'end']);
  });

  it('abort a command that takes too long', () => {
    const bench = new Bench();
    bench.eager = false;
    const pair = new Pair(bench);
    const command = pair.command(0x2a, 0, 4, bytes(2048));
    pair.settle();
    for (let second = 0; second < 31; second++) {
      bench.now += 1e9;
      pair.session.tick(bench.now);
      pair.settle();
    }
    assert.equal(bench.stopped.length, 1);
    bench.giveUp(bench.runs[0]);
    pair.settle();
    assert.deepEqual([command.ending, pair.fault], ['failed', undefined]);
  });
});
