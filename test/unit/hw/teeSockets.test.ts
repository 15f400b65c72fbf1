import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { resetNow } from '../../../hw/teeSocket.ts';
import { TeeSockets } from '../../../hw/teeSockets.ts';
import { Fault } from '../../../src/base/fault.ts';
import { digest, pattern, Setting, take } from './teeSetting.ts';

describe('A3 the sockets of the tee', () => {
  let setting: Setting;
  beforeEach(() => {
    setting = new Setting();
  });
  afterEach(async () => {
    await setting.close();
  });

  for (const address of ['127.0.0.1', '::1']) {
    it(`passes bytes both ways unchanged and shows all of them (${address})`, async () => {
      await setting.open({}, address);
      const { host, target, tap } = await setting.pair();
      const [up, down] = [pattern(3 << 20, 1), pattern(2 << 20, 2)];
      const taken = Promise.all([take(target, up.length), take(host, down.length)]);
      host.write(up);
      target.write(down);
      assert.deepEqual(await taken, [digest(up), digest(down)]);
      assert.deepEqual([tap.hostBytes, tap.targetBytes], [up.length, down.length]);
      assert.deepEqual([tap.ends.localAddress, tap.ends.hostPort], [address, host.localPort]);
      assert.equal(tap.ends.localPort, setting.tee.listening.port);
    });
  }

  it('shows bytes after they were handed on where the tap lets it', async () => {
    setting.prepare = (tap) => {
      tap.hostFirst = true;
      tap.targetGoesFirst = true;
    };
    await setting.open();
    const { host, target, tap } = await setting.pair();
    const bytes = pattern(1 << 20, 3);
    const taken = Promise.all([take(target, bytes.length), take(host, bytes.length)]);
    host.write(bytes);
    target.write(bytes);
    assert.deepEqual(await taken, [digest(bytes), digest(bytes)]);
    assert.deepEqual([tap.hostBytes, tap.targetBytes], [bytes.length, bytes.length]);
  });

  for (const first of ['host', 'target'] as const) {
    it(`passes on a half-close of the ${first} after its bytes, and goes on the other way`, async () => {
      await setting.open();
      const { host, target, tap } = await setting.pair();
      const [one, other] = first === 'host' ? [host, target] : [target, host];
      const bytes = pattern(600_000, 4);
      const taken = take(other, bytes.length);
      const ended = once(other, 'end');
      one.end(bytes);
      assert.equal(await taken, digest(bytes));
      await ended;
      const back = take(one, bytes.length);
      other.end(bytes);
      assert.equal(await back, digest(bytes));
      await setting.until(() => setting.ended.length === 1);
      const fins = first === 'host' ? ['finHost', 'finTarget'] : ['finTarget', 'finHost'];
      assert.deepEqual(
        tap.seen.filter((call) => call.startsWith('fin') || call === 'close'),
        [...fins, 'close'],
      );
    });

    it(`passes on a reset of the ${first} as a reset`, async () => {
      await setting.open();
      const { host, target, tap } = await setting.pair();
      const [one, other] = first === 'host' ? [host, target] : [target, host];
      const taken = take(other, 5);
      one.write('hello');
      await taken.catch(() => {});
      const error = new Promise<NodeJS.ErrnoException>((resolve) => other.once('error', resolve));
      one.resetAndDestroy();
      assert.equal((await error).code, 'ECONNRESET');
      await setting.until(() => setting.ended.length === 1);
      assert.ok(tap.seen.includes(`reset ${first}`));
      assert.equal(setting.tee.connections, 0);
    });
  }

  it('passes a reset on although the other side takes nothing, without waiting for that', async () => {
    await setting.open();
    const { host, target, tap } = await setting.pair();
    target.pause();
    host.write(pattern(32 << 20, 8));
    while (tap.hostBytes < 1 << 20) await new Promise(setImmediate);
    resetNow(host);
    // Nothing of the host is read while the target takes nothing: its reset is met all the same.
    await setting.until(() => setting.ended.length === 1);
    assert.ok(tap.seen.includes('reset host'));
    // It comes behind what the target had taken, at times as an end: behind a FIN of the tee's a first write would go well.
    const failure = await new Promise<NodeJS.ErrnoException | null | undefined>((resolve) => {
      target.once('error', resolve);
      target.once('end', () => target.write('x', resolve));
      target.resume();
    });
    assert.match(failure?.code ?? 'none', /^(EPIPE|ECONNRESET)$/);
  });

  it('tells a reset right behind bytes from an end', async () => {
    await setting.open();
    for (let n = 0; n < 20; n++) {
      const { host, target, tap } = await setting.pair();
      // Written and reset before the tee looks: both are there when it does.
      host.write(pattern(1000, n));
      resetNow(host);
      await setting.until(() => setting.ended.length === n + 1);
      assert.ok(tap.seen.includes('reset host') && !tap.seen.includes('finHost'), `${tap.seen}`);
      target.destroy();
    }
  });

  it('closes a connection that is reset after its own end', async () => {
    await setting.open();
    const { host, target } = await setting.pair();
    target.pause();
    host.end(pattern(32 << 20, 9));
    host.on('finish', () => assert.fail('the target took nothing, and all was sent'));
    while (setting.taps[0].hostBytes < 1 << 20) await new Promise(setImmediate);
    resetNow(target);
    await setting.until(() => setting.ended.length === 1);
  });

  for (const slow of ['host', 'target'] as const) {
    it(`reads no more than a bounded amount ahead of a slow ${slow}`, async () => {
      await setting.open();
      const { host, target, tap } = await setting.pair();
      const [reader, writer] = slow === 'host' ? [host, target] : [target, host];
      reader.pause();
      const bytes = pattern(32 << 20, 5);
      writer.write(bytes);
      // The kernel's own buffers take some megabytes; then nothing more is read, however often the loop turns.
      const shown = (): number => (slow === 'host' ? tap.targetBytes : tap.hostBytes);
      let before = 0;
      for (let calm = 0; calm < 1000; calm++) {
        await new Promise(setImmediate);
        if (shown() === before && before > 0) continue;
        before = shown();
        calm = 0;
      }
      assert.ok(before < bytes.length / 2, `${before} bytes were read ahead`);
      const taken = take(reader, bytes.length);
      reader.resume();
      assert.equal(await taken, digest(bytes));
    });
  }

  it('carries 200 connections at once', async () => {
    await setting.open();
    const pairs = await Promise.all(
      Array.from({ length: 200 }, async (_, n) => {
        const host = setting.host();
        await once(host, 'connect');
        host.write(Buffer.from([n]));
        return host;
      }),
    );
    await setting.until(() => setting.targets.length === 200);
    const echoed = Promise.all(pairs.map((host) => take(host, 50_000)));
    for (const target of setting.targets) {
      target.once('data', (first: Buffer) => target.write(pattern(50_000, first[0])));
    }
    assert.deepEqual(
      await echoed,
      pairs.map((_, n) => digest(pattern(50_000, n))),
    );
    assert.equal(setting.tee.connections, 200);
    assert.equal(setting.tee.accepted, 200);
  });

  it('refuses more connections than it may have, and says so once', async () => {
    await setting.open({ connectionsMax: 2 });
    const { host } = await setting.pair();
    await setting.pair();
    for (let i = 0; i < 3; i++) {
      const refused = setting.host();
      const [error] = (await once(refused, 'error')) as [NodeJS.ErrnoException];
      assert.equal(error.code, 'ECONNRESET');
    }
    assert.equal(setting.notices.length, 1);
    assert.match(setting.notices[0], /2 connections/);
    host.resetAndDestroy();
    await setting.until(() => setting.ended.length === 1);
    await setting.pair();
  });

  it('resets the host when the target refuses, and says so once', async () => {
    await setting.open();
    setting.server.close();
    for (let i = 0; i < 2; i++) {
      const [error] = (await once(setting.host(), 'error')) as [NodeJS.ErrnoException];
      assert.equal(error.code, 'ECONNRESET');
    }
    assert.equal(setting.notices.length, 1);
    assert.match(setting.notices[0], /cannot be reached/);
    assert.deepEqual(setting.taps, []);
  });

  it('resets the host when the target does not answer in time', async () => {
    // A port of the documentation's network (RFC 5737): nothing answers there, if it is routed at all.
    await setting.open({ target: { host: '192.0.2.1', port: 9 }, connectMs: 50 });
    const [error] = (await once(setting.host(), 'error')) as [NodeJS.ErrnoException];
    assert.equal(error.code, 'ECONNRESET');
    assert.match(setting.notices[0], /cannot be reached/);
  });

  it('says in an error where it cannot listen', async () => {
    await setting.open();
    const { address: host, port } = setting.tee.listening;
    const again = TeeSockets.listen({
      listen: { host, port },
      target: { host, port },
      open: () => assert.fail(),
      blind: () => {},
      ended: () => {},
      notice: () => {},
    });
    await assert.rejects(
      again,
      (error) => error instanceof Fault && error.blame === 'local' && /EADDRINUSE/.test(error.message),
    );
  });

  for (const call of ['fromHost', 'fromTarget', 'finHost', 'finTarget', 'open']) {
    it(`goes on without a tap that throws in ${call}, and says so at once and at the end`, async () => {
      setting.prepare = (tap) => {
        tap.fail = call;
        if (call === 'open') {
          setting.taps.push(tap);
          setting.moved();
          throw new Error('a bug in open');
        }
      };
      await setting.open();
      const { host, target, tap } = await setting.pair();
      const bytes = pattern(300_000, 6);
      const up = take(target, bytes.length);
      host.end(bytes);
      assert.equal(await up, digest(bytes));
      const down = take(host, bytes.length);
      target.end(bytes);
      assert.equal(await down, digest(bytes));
      await setting.until(() => setting.ended.length === 1);
      assert.deepEqual(setting.blind, [`1 a bug in ${call}`]);
      if (call === 'open') return;
      const after = tap.seen.slice(tap.seen.indexOf(call) + 1);
      assert.deepEqual(after, ['giveUp', 'close']);
    });
  }

  it('stops: listens no more, answers what was asked, and closes', async () => {
    await setting.open();
    const { host, target, tap } = await setting.pair();
    const { address, port } = setting.tee.listening;
    tap.idle = false;
    const got = take(host, 6);
    const ended = once(host, 'end');
    const stopped = setting.tee.stop(60_000);
    target.write('answer', () => {
      tap.idle = true;
    });
    await got;
    await ended;
    host.end();
    await stopped;
    assert.equal(setting.tee.connections, 0);
    assert.equal(tap.seen.at(-1), 'close');
    const late = connect({ host: address, port });
    const [error] = (await once(late, 'error')) as [NodeJS.ErrnoException];
    assert.equal(error.code, 'ECONNREFUSED');
  });

  it('stops in bounded time with a target that never answers', async () => {
    await setting.open();
    const { host, tap } = await setting.pair();
    tap.idle = false;
    const error = new Promise<NodeJS.ErrnoException>((resolve) => host.once('error', resolve));
    const started = performance.now();
    await setting.tee.stop(50);
    assert.ok(performance.now() - started < 10_000);
    assert.equal((await error).code, 'ECONNRESET');
  });
});
