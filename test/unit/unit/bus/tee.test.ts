import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { Fault } from '../../../../src/base/fault.ts';
import { StatusGate, type StatusPolicy } from '../../../../src/gate/statusGate.ts';
import { WriteGate } from '../../../../src/gate/writeGate.ts';
import { Snoop, type SnoopOptions } from '../../../../src/snoop/snoop.ts';
import { type BlindConnection, openTee, type RunningTee, type TeeOptions } from '../../../../src/unit/bus/tee.ts';
import { blocks, claim, HOST, LU, startWrite, TARGET, write } from '../../../kit/bus.ts';
import { Connection } from '../../../kit/connection.ts';
import { type Bytes, type From, Link, Wire } from '../../../kit/link.ts';
import { Findings, Model, TestRoom } from '../../../kit/run.ts';
import { join } from '../../parsers/net/build.ts';

/** One end of a connection: what it has received so far. */
class End {
  readonly socket: Socket;
  received: Bytes = new Uint8Array(0);
  private wake: () => void = () => {};

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('error', () => this.wake());
    socket.on('close', () => this.wake());
    socket.on('data', (chunk: Buffer) => {
      this.received = join(this.received, chunk);
      this.wake();
    });
  }

  async closed(): Promise<void> {
    while (!this.socket.closed)
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
  }

  async has(count: number): Promise<void> {
    while (this.received.length < count && !this.socket.destroyed)
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    assert.equal(this.received.length, count);
  }
}

/** A scripted connection through the tee: PDUs are queued, and `play` sends them one after the other. */
class TeeLink extends Link {
  readonly ends: Record<From, End>;
  private script: { from: From; bytes: Bytes }[] = [];
  readonly sent: Record<From, Bytes> = { host: new Uint8Array(0), target: new Uint8Array(0) };

  constructor(host: Socket, target: Socket) {
    super(new Wire());
    this.ends = { host: new End(host), target: new End(target) };
  }

  override send(from: From, bytes: Bytes): void {
    this.script.push({ from, bytes });
  }

  /** Sends the script; each PDU is waited for at the other end unless `loose`. */
  async play(loose = false): Promise<void> {
    for (const { from, bytes } of this.script.splice(0)) {
      this.ends[from].socket.write(bytes);
      this.sent[from] = join(this.sent[from], bytes);
      if (!loose) await this.ends[from === 'host' ? 'target' : 'host'].has(this.sent[from].length);
    }
  }
}

class Setting {
  readonly found = new Findings();
  readonly room = new TestRoom();
  readonly blind: BlindConnection[] = [];
  readonly blindEnded: BlindConnection[] = [];
  readonly intents: string[] = [];
  readonly snoop: Snoop;
  readonly server: Server;
  tee!: RunningTee;
  onChange: () => void = () => {};
  onIntent: (lu: string) => void = () => {};
  private accepted: (socket: Socket) => void = () => {};
  private readonly sockets: Socket[] = [];

  constructor(options: Partial<SnoopOptions> = {}) {
    this.found.models.set(LU, new Model(512));
    this.snoop = new Snoop({
      room: this.room,
      volumes: [claim()],
      reorder: { ms: 0, bytes: 0 },
      sink: {
        change: (change) => {
          this.found.changes.push(change);
          this.found.models.get(change.lu)?.apply(change);
          if (change.lease !== undefined) this.room.give(change.lease);
          this.onChange();
        },
        intent: (lu, offset, length) => {
          this.intents.push(`${lu} ${offset} ${length}`);
          this.onIntent(lu);
        },
      },
      ...options,
    });
    this.server = createServer({ allowHalfOpen: true }, (socket) => this.accepted(socket));
  }

  async open(options: Partial<TeeOptions> = {}): Promise<this> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    this.tee = await openTee({
      listen: '127.0.0.1:0',
      target: this.portal,
      snoop: this.snoop,
      notice: (text) => this.found.notices.push(text),
      onBlind: (blind) => this.blind.push(blind),
      onBlindEnd: (blind) => this.blindEnded.push(blind),
      ...options,
    });
    return this;
  }

  get portal(): string {
    return `127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async connect(): Promise<{ link: TeeLink; c: Connection }> {
    const arrived = new Promise<Socket>((resolve) => {
      this.accepted = resolve;
    });
    const host = connect({ host: '127.0.0.1', port: Number(this.tee.listening.split(':')[1]), allowHalfOpen: true });
    const link = new TeeLink(host, await arrived);
    this.sockets.push(host, link.ends.target.socket);
    return { link, c: new Connection(link) };
  }

  async login(isid = 1): Promise<{ link: TeeLink; c: Connection }> {
    const { link, c } = await this.connect();
    c.login({ InitiatorName: HOST, TargetName: TARGET, SessionType: 'Normal' }, {}, isid);
    await link.play();
    return { link, c };
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await this.tee?.stop();
    this.server.close();
  }
}

describe('A3 the tee of a unit', () => {
  let setting: Setting;
  const open = async (options: Partial<TeeOptions> = {}, snoop: Partial<SnoopOptions> = {}): Promise<Setting> => {
    setting = new Setting(snoop);
    return setting.open(options);
  };
  afterEach(() => setting.close());

  it('passes bytes unchanged, marks before the target has them and finds every change', async () => {
    const began = Date.now();
    await open();
    const { link, c } = await setting.login();
    const first = startWrite(c, 3, blocks(1, 2), { immediate: 0 });
    await link.play();
    assert.deepEqual(setting.intents, [`${LU} 1536 1024`]);
    c.dataOut(first, 0, 1024);
    c.status(first);
    write(c, 4, blocks(2));
    await link.play();
    assert.deepEqual(link.ends.target.received, link.sent.host);
    assert.deepEqual(link.ends.host.received, link.sent.target);
    assert.deepEqual(setting.found.model(LU).read(3, 2), join(blocks(1), blocks(2)));
    assert.deepEqual(setting.found.doubts, []);
    const [view] = setting.tee.connections();
    assert.deepEqual([view.host, view.target, view.discovery, view.blind], [HOST, TARGET, false, false]);
    assert.equal(setting.tee.accepted, 1);
    const at = Number(setting.found.changes[0].at / 1_000_000n);
    assert.ok(at > began - 1000 && at < Date.now() + 1000, 'moments are wall time');
  });

  it('holds statuses by the gate’s policy, in the target’s order, each connection for itself', async () => {
    const held: { lu: string; go: () => void }[] = [];
    let asked = (): void => {};
    const policy: StatusPolicy = (lu) =>
      new Promise((go) => {
        held.push({ lu, go });
        asked();
      });
    await open({ gate: new StatusGate(policy) });
    const one = await setting.login(1);
    const two = await setting.login(2);
    const before = one.link.ends.host.received.length;
    for (const { c, link } of [one, two]) {
      const [a, b, read] = [startWrite(c, 0, blocks(1)), startWrite(c, 1, blocks(2)), c.command(new Uint8Array(6))];
      await link.play();
      for (const sent of [b, a, read]) c.status(sent);
      await link.play(true);
    }
    while (held.length < 4)
      await new Promise<void>((resolve) => {
        asked = resolve;
      });
    assert.equal(one.link.ends.host.received.length, before);
    assert.deepEqual(new Set(held.map(({ lu }) => lu)), new Set([LU]));
    // The last first: StatSN order is the target's all the same.
    for (const { go } of held.toReversed()) go();
    for (const { link } of [one, two]) {
      await link.ends.host.has(link.sent.target.length);
      assert.deepEqual(link.ends.host.received, link.sent.target);
    }
  });

  /** A tee whose intents wait until `go`. */
  const gated = async (): Promise<{ writes: WriteGate; go: () => void }> => {
    const writes = new WriteGate();
    await open({ writes, gate: new StatusGate(writes.policy) });
    let go = (): void => {};
    const wait = new Promise<void>((resolve) => {
      go = resolve;
    });
    setting.onIntent = (lu) => writes.intent(lu, wait);
    return { writes, go };
  };
  const intended = async (count: number): Promise<void> => {
    while (setting.intents.length < count) await new Promise(setImmediate);
  };

  it('holds a command that has to wait, all behind it and the end of the direction, not what came before it', async () => {
    const { writes, go } = await gated();
    const { link, c } = await setting.login();
    const { target } = link.ends;
    c.ping();
    await link.play();
    const before = target.received.length;
    const nop = c.command(new Uint8Array(6));
    const sent = startWrite(c, 3, blocks(1, 2));
    startWrite(c, 9, blocks(2, 200));
    await link.play(true);
    await intended(2);
    link.ends.host.socket.end();
    await target.has(before + 48);
    assert.equal(writes.holding, 1);
    let ended = false;
    target.socket.on('end', () => {
      ended = true;
    });
    await new Promise(setImmediate);
    assert.equal(ended, false);
    go();
    await target.has(link.sent.host.length);
    assert.deepEqual(target.received, link.sent.host);
    while (!ended) await new Promise(setImmediate);
    c.status(nop);
    c.status(sent);
    await link.play();
    assert.deepEqual([writes.holding, writes.held], [0, 1]);
    assert.deepEqual(setting.found.model(LU).read(3, 2), blocks(1, 2));
  });

  it('a held command is not overtaken when decoding meets a bug', async () => {
    const { go } = await gated();
    const { link, c } = await setting.login();
    const before = link.ends.target.received.length;
    startWrite(c, 3, blocks(1));
    await link.play(true);
    await intended(1);
    setting.onIntent = () => {
      setting.onIntent = () => {};
      throw new Error('a bug');
    };
    startWrite(c, 4, blocks(2));
    startWrite(c, 5, blocks(3, 40));
    await link.play(true);
    while (setting.blind.length === 0) await new Promise(setImmediate);
    startWrite(c, 6, blocks(4));
    await link.play(true);
    assert.equal(link.ends.target.received.length, before);
    go();
    await link.ends.target.has(link.sent.host.length);
    assert.deepEqual(link.ends.target.received, link.sent.host);
  });

  it('a connection that is no longer watched waits until all it can reach is marked', async () => {
    const { go } = await gated();
    const { link, c } = await setting.login();
    const before = link.ends.target.received.length;
    const wait = setting.onIntent;
    setting.onIntent = () => {
      setting.onIntent = wait;
      throw new Error('a bug');
    };
    startWrite(c, 4, blocks(2));
    await link.play(true);
    while (setting.blind.length === 0) await new Promise(setImmediate);
    assert.equal(setting.intents.at(-1), `${LU} 0 ${Number.MAX_SAFE_INTEGER}`);
    startWrite(c, 6, blocks(4));
    await link.play(true);
    assert.equal(link.ends.target.received.length, before);
    go();
    await link.ends.target.has(link.sent.host.length);
    assert.deepEqual(link.ends.target.received, link.sent.host);
  });

  it('tells hosts its own portal in answers to SendTargets', async () => {
    await open({ rewriteDiscovery: true });
    const { link, c } = await setting.connect();
    c.login({ InitiatorName: HOST, SessionType: 'Discovery' });
    await link.play();
    c.text({ SendTargets: 'All' }, { TargetName: TARGET, TargetAddress: `${setting.portal},1` });
    await link.play(true);
    const told = (): string => Buffer.from(link.ends.host.received).toString('latin1');
    while (!told().includes('TargetAddress')) await once(link.ends.host.socket, 'data');
    assert.ok(told().includes(`TargetAddress=${setting.tee.listening},1\0`));
    assert.equal(told().includes(setting.portal), false);
  });

  it('goes on without decoding after a bug there, and tells its owner at once and at the end', async () => {
    await open();
    const { link, c } = await setting.login();
    write(c, 0, blocks(1));
    await link.play();
    setting.onChange = () => {
      setting.onChange = () => {};
      throw new Error('a bug');
    };
    write(c, 1, blocks(2));
    write(c, 2, blocks(3));
    await link.play();
    assert.deepEqual(link.ends.target.received, link.sent.host);
    assert.deepEqual(link.ends.host.received, link.sent.target);
    assert.deepEqual(
      setting.blind.map(({ connection, lus, error }) => [connection, lus, (error as Error).message]),
      [[1, [LU], 'a bug']],
    );
    assert.equal(setting.tee.connections()[0].blind, true);
    assert.equal(setting.found.model(LU).wholeDoubts, 1);
    assert.equal(setting.blindEnded.length, 0);
    link.ends.host.socket.resetAndDestroy();
    await link.ends.target.closed();
    while (setting.blindEnded.length === 0) await new Promise(setImmediate);
    assert.equal(setting.blindEnded[0], setting.blind[0]);
    assert.equal(setting.found.model(LU).wholeDoubts, 2);
    assert.match(setting.found.notices.join(), /no longer watched/);
  });

  it('lets open tasks finish when it stops', async () => {
    await open();
    const { link, c } = await setting.login();
    const sent = startWrite(c, 0, blocks(1));
    await link.play();
    const ended = once(link.ends.host.socket, 'end');
    const stopped = setting.tee.stop();
    c.status(sent);
    await link.play();
    await ended;
    link.ends.host.socket.end();
    await stopped;
    assert.deepEqual(setting.found.doubts, []);
    assert.deepEqual(setting.found.model(LU).read(0, 1), blocks(1));
  });

  it('passes bytes without a snoop, too', async () => {
    setting = new Setting();
    setting.server.listen(0, '127.0.0.1');
    await once(setting.server, 'listening');
    setting.tee = await openTee({ listen: '127.0.0.1:0', target: setting.portal, notice: assert.fail });
    const { link, c } = await setting.login();
    write(c, 0, blocks(1));
    await link.play();
    assert.deepEqual(link.ends.target.received, link.sent.host);
    assert.deepEqual(setting.found.changes, []);
  });

  it('refuses portals that are none', async () => {
    setting = new Setting();
    for (const [listen, target] of [
      ['nowhere', '127.0.0.1:1'],
      ['127.0.0.1:0', '127.0.0.1:0'],
      ['127.0.0.1:0', '::1:3260'],
      ['127.0.0.1:70000', '127.0.0.1:1'],
    ]) {
      const refused = openTee({ listen, target, notice: () => {} });
      await assert.rejects(refused, (error) => error instanceof Fault && error.blame === 'local');
    }
  });
});
