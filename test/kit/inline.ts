import assert from 'node:assert/strict';
import { FrameDecoder } from '../../parsers/net/decoder.ts';
import type { FrameBatch } from '../../src/base/frames.ts';
import { Moment } from '../../src/snoop/flow/moment.ts';
import { ConnectionTable } from '../../src/snoop/flow/table.ts';
import type { InlineStream } from '../../src/snoop/inline.ts';
import { Snoop, type SnoopOptions } from '../../src/snoop/snoop.ts';
import { claim, HOST, type LoginShape, TARGET } from './bus.ts';
import { Connection } from './connection.ts';
import { type Bytes, type From, Link, Wire } from './link.ts';
import { Findings, Model, TestRoom } from './run.ts';

/** A connection whose bytes pass through the unit itself; nothing of TCP is seen. */
export class InlineLink extends Link {
  readonly stream: InlineStream;
  /** Bytes are given in runs of at most so many. */
  most = Number.POSITIVE_INFINITY;

  constructor(wire: Wire, stream: InlineStream) {
    super(wire);
    this.stream = stream;
  }

  override send(from: From, bytes: Bytes): void {
    const step = Math.min(this.most, bytes.length);
    for (let at = 0; at < bytes.length; at += step) {
      // Given in a buffer that is overwritten at once, with something before and behind.
      const length = Math.min(step, bytes.length - at);
      const buffer = new Uint8Array(length + 16).fill(0xee);
      buffer.set(bytes.subarray(at, at + length), 8);
      this.wire.now += 10_000;
      if (from === 'host') this.stream.fromHost(buffer, 8, length, this.wire.now);
      else this.stream.fromTarget(buffer, 8, length, this.wire.now);
      buffer.fill(0xdd);
    }
  }

  override fin(from: From): void {
    this.wire.now += 10_000;
    if (from === 'host') this.stream.finHost(this.wire.now);
    else this.stream.finTarget(this.wire.now);
  }

  override rst(from: From): void {
    this.wire.now += 10_000;
    this.stream.reset(from, this.wire.now);
  }

  override ack(): void {}
}

export interface InlineShape extends LoginShape {
  addresses?: [Bytes, Bytes];
  /** Bytes are given in runs of at most so many. */
  most?: number;
}

/** A snoop that scripted connections pass through, and what it finds as it goes. */
export class InlineBus {
  readonly wire = new Wire();
  readonly found = new Findings();
  readonly room = new TestRoom();
  readonly intents: [string, number, number][] = [];
  readonly snoop: Snoop;
  private ports = 40000;

  constructor(options: Partial<SnoopOptions> = {}) {
    const { found, room } = this;
    const volumes = options.volumes ?? [claim()];
    for (const { lu, blockSize = 512 } of volumes) found.models.set(lu, new Model(blockSize));
    this.snoop = new Snoop({
      room,
      volumes,
      reorder: { ms: 0, bytes: 0 },
      sink: {
        change: (change) => {
          found.models.get(change.lu)?.apply(change);
          found.changes.push(change);
          if (change.lease !== undefined) room.give(change.lease);
        },
        intent: (lu, offset, length) => this.intents.push([lu, offset, length]),
        barrier: (barrier) => found.barriers.push(barrier),
        command: (view) => found.commands.push({ ...view }),
        facts: (facts) => found.facts.push(facts),
        notice: (text) => found.notices.push(text),
      },
      ...options,
    });
    this.snoop.countFrom(1_700_000_000);
  }

  connect(o: InlineShape = {}): { link: InlineLink; connection: Connection } {
    const { addresses = [Uint8Array.of(10, 0, 0, 1), Uint8Array.of(10, 0, 0, 2)] } = o;
    const stream = this.snoop.attach({ addresses, ports: [this.ports++, 3260] });
    const link = new InlineLink(this.wire, stream);
    link.most = o.most ?? Number.POSITIVE_INFINITY;
    return { link, connection: new Connection(link, o.session) };
  }

  login(o: InlineShape = {}): Connection & { link: InlineLink } {
    const { keys = {}, answer = {}, isid = 1, initiator = HOST, targetName = TARGET } = o;
    const all = { InitiatorName: initiator, TargetName: targetName, SessionType: 'Normal', ...keys };
    return this.connect(o).connection.login(all, answer, isid) as Connection & { link: InlineLink };
  }

  /** Time passes and nothing else does. */
  wait(ms: number): void {
    this.wire.wait(ms);
    this.snoop.advance(this.wire.now);
  }

  finish(): Findings {
    this.snoop.finish();
    assert.equal(this.room.lent.size, 0, 'every lease was given back');
    return this.found;
  }
}

/**
 * Gives a capture to a snoop as if its connections had passed through the unit: TCP is put in order first, and each run of
 * bytes is given in pieces of the lengths that `cut` says.
 */
export class PassedThrough {
  private readonly decoder = new FrameDecoder();
  private readonly moment = new Moment();
  private readonly table: ConnectionTable;
  private readonly snoop: Snoop;
  private started = false;
  private time = 0;

  constructor(snoop: Snoop, cut: (length: number) => number = (length) => length) {
    this.snoop = snoop;
    this.table = new ConnectionTable(
      (_number, ends, carrier) => {
        let stream: InlineStream | undefined;
        const at = (): number => {
          this.time = Math.max(this.time, this.moment.time);
          return this.time;
        };
        const host = (): number => carrier().opener ?? assert.fail('the start of a connection was not captured');
        const through = (): InlineStream => {
          const [a, b] = [host(), 1 - host()];
          stream ??= snoop.attach({
            addresses: [ends.addresses[a], ends.addresses[b]],
            ports: [ends.ports[a], ends.ports[b]],
          });
          return stream;
        };
        return {
          bytes: (side, bytes, offset, length) => {
            for (let from = 0; from < length; ) {
              const n = Math.max(1, Math.min(length - from, cut(length)));
              if (side === host()) through().fromHost(bytes, offset + from, n, at());
              else through().fromTarget(bytes, offset + from, n, at());
              from += n;
            }
          },
          hole: () => assert.fail('a hole'),
          disputed: () => assert.fail('copies that differ'),
          fin: (side) => (side === host() ? through().finHost(at()) : through().finTarget(at())),
          reset: () => {},
          end: (how, side) => {
            if (how === 'reset') through().reset(side === host() ? 'host' : 'target', at());
            else if (how === 'reused') stream?.close(at());
          },
        };
      },
      { ns: 500e6, bytes: 2 << 20 },
      true,
      this.moment,
    );
  }

  take(batch: FrameBatch): void {
    const { bytes, offset, captured, wire, link } = batch;
    for (let i = 0; i < batch.count; i++) {
      if (!this.started) {
        this.started = true;
        this.moment.countFrom(batch.seconds[i]);
        this.snoop.countFrom(batch.seconds[i]);
      }
      this.moment.next(batch, i, i + 1);
      if (this.decoder.decode(bytes, offset[i], captured[i], wire[i], link[i])) this.table.take(this.decoder);
    }
  }

  finish(): void {
    this.table.finish();
    this.snoop.finish();
  }
}
