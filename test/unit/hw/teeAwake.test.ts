import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { TeeAwake } from '../../../hw/teeAwake.ts';
import { TeeSockets } from '../../../hw/teeSockets.ts';
import type { TeeTap } from '../../../src/base/tee.ts';

/** What keeps the event loop turning. */
const turning = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Immediate').length;

/** Goes on when the loop has looked for I/O and timers, without an immediate of its own. */
const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

/** Looks at nothing. */
const PASSES: TeeTap = {
  hostGoesFirst: () => true,
  targetGoesFirst: true,
  fromHost: () => true,
  fromTarget: () => true,
  finHost: () => true,
  finTarget: () => true,
  reset() {},
  giveUp() {},
  close() {},
  idle: true,
};

describe('A3 a tee that stays awake between two PDUs', () => {
  // Mocha goes from test to test by an immediate.
  beforeEach(async () => {
    while (turning() > 0) await turn();
  });

  it('keeps the loop turning for a moment after bytes came, and no longer', async () => {
    const awake = new TeeAwake(1000);
    const from = performance.now();
    awake.arrived();
    awake.arrived();
    assert.equal(turning(), 1, 'whatever came, it is one thing to do');
    while (turning() > 0) await turn();
    assert.ok(performance.now() - from >= 1);
    awake.arrived();
    assert.equal(turning(), 1);
    while (turning() > 0) await turn();
  });

  it('counts from the last arrival', async () => {
    const awake = new TeeAwake(1000);
    const from = performance.now();
    while (performance.now() - from < 4) {
      awake.arrived();
      assert.equal(turning(), 1);
      await turn();
    }
    const last = performance.now();
    awake.arrived();
    while (turning() > 0) await turn();
    assert.ok(performance.now() - last >= 1);
  });

  it('lets the loop sleep where it mostly waits in vain, and tries again later', async () => {
    const awake = new TeeAwake(1);
    let waits = 0;
    for (let arrivals = 0; arrivals < 400; arrivals++) {
      awake.arrived();
      waits += turning();
      while (turning() > 0) await turn();
    }
    assert.ok(waits >= 8 && waits < 80, `it waited ${waits} times`);
  });

  it('goes on where what it waits for comes', async () => {
    const awake = new TeeAwake(60_000_000);
    for (let arrivals = 0; arrivals < 400; arrivals++) {
      awake.arrived();
      assert.equal(turning(), 1);
    }
    awake.stop();
    while (turning() > 0) await turn();
  });

  it('does nothing where it is turned off', () => {
    new TeeAwake(0).arrived();
    assert.equal(turning(), 0);
  });

  it('keeps nothing awake once it is stopped', async () => {
    const awake = new TeeAwake(1000 * 60_000);
    awake.arrived();
    awake.stop();
    await turn();
    await turn();
    assert.equal(turning(), 0);
    awake.arrived();
    assert.equal(turning(), 0);
  });

  for (const [awakeUs, expected] of [
    [0, 0],
    [60_000_000, 1],
  ]) {
    it(`is one that bytes came through in either direction, and not when it has ended (${awakeUs} us)`, async () => {
      const accepted: Socket[] = [];
      const target = createServer((socket) => accepted.push(socket.on('error', () => {})));
      target.listen(0, '127.0.0.1');
      await once(target, 'listening');
      const { port } = target.address() as AddressInfo;
      const tee = await TeeSockets.listen({
        listen: { host: '127.0.0.1', port: 0 },
        target: { host: '127.0.0.1', port },
        awakeUs,
        open: () => PASSES,
        blind: () => assert.fail(),
        ended() {},
        notice: assert.fail,
      });
      const host = connect({ host: '127.0.0.1', port: tee.listening.port }).on('error', () => {});
      await once(target, 'connection');
      host.write('a write');
      await once(accepted[0], 'data');
      assert.equal(turning(), expected);
      accepted[0].write('its status');
      await once(host, 'data');
      assert.equal(turning(), expected);
      await tee.stop(0);
      while (turning() > 0) await turn();
      host.destroy();
      accepted[0].destroy();
      target.close();
    });
  }
});
