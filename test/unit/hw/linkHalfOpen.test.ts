import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { HALF_OPEN_MAX, HALF_OPEN_OF_ONE_MAX, whoseAddress } from '../../../hw/linkHalfOpen.ts';
import type { LinkKeys } from '../../../src/unit/link/journeyTypes.ts';
import { openJourneyVolume } from '../../../src/unit/link/journeyVolume.ts';
import type { LinkService } from '../../../src/unit/link/receiverTypes.ts';
import { MemoryFarStore } from '../../kit/farStore.ts';
import { Authority, journeyOptions, serve, until } from '../../kit/journey.ts';

describe('D1 strangers that say nothing', () => {
  let keys: { a: LinkKeys; b: LinkKeys };
  let service: LinkService;
  let port: number;
  let notices: string[];
  let idle: { socket: Socket; from: string; over: boolean }[];

  before(async () => {
    const authority = await Authority.make();
    keys = { a: await authority.unit('a'), b: await authority.unit('b') };
  });

  beforeEach(async () => {
    idle = [];
    const stores = { vol1: new MemoryFarStore(65536), vol2: new MemoryFarStore(65536) };
    ({ service, port, notices } = await serve(keys.b, stores));
  });

  afterEach(async () => {
    for (const { socket } of idle) socket.destroy();
    await service.close();
  });

  /** One that connects and is silent. */
  const knock = async (from: string): Promise<void> => {
    const socket = connect({ port, host: '127.0.0.1', localAddress: from });
    const one = { socket, from, over: false };
    idle.push(one);
    socket.on('error', () => undefined);
    socket.on('close', () => {
      one.over = true;
    });
    socket.resume();
    await once(socket, 'connect');
  };

  const open = (): number => idle.filter(({ over }) => !over).length;

  it('by hundreds of one machine hold few places, and no unit is kept out', async () => {
    const first = await openJourneyVolume(journeyOptions(port, keys.a));
    for (let n = 0; n < 300; n++) await knock('127.0.0.1');
    await until(() => open() <= HALF_OPEN_OF_ONE_MAX, 'too many are let stand');
    assert.equal(open(), HALF_OPEN_OF_ONE_MAX);
    assert.ok(
      idle.slice(-HALF_OPEN_OF_ONE_MAX).every(({ over }) => !over),
      'the oldest are ended first',
    );
    const second = await openJourneyVolume(journeyOptions(port, keys.a, { volume: 'vol2' }));
    assert.ok(first.link.connected && second.link.connected);
    await first.append({ kind: 'mark', at: 1n, name: 'here', consistent: true });
    await first.close();
    await second.close();
    await until(() => notices.some((text) => /has too many connections that prove nothing/.test(text)));
    assert.ok(notices.length < 10, `they are told of once in a while: ${notices.length}`);
  });

  it('of many machines hold few places, and those of whoever has the most are ended first', async () => {
    await knock('127.0.0.99');
    for (let n = 0; n < 400; n++) await knock(`127.0.1.${1 + (n % 20)}`);
    await until(() => open() <= HALF_OPEN_MAX, 'too many are let stand');
    assert.equal(open(), HALF_OPEN_MAX);
    assert.ok(!idle[0].over, 'who has one place keeps it');
    const volume = await openJourneyVolume(journeyOptions(port, keys.a));
    assert.ok(volume.link.connected);
    await volume.close();
  });

  it('do not count any more once they are gone', async () => {
    const some = HALF_OPEN_OF_ONE_MAX - 8;
    for (let round = 0; round < 4; round++) {
      for (let n = 0; n < some; n++) await knock('127.0.0.1');
      assert.equal(open(), some);
      const closed = idle.filter(({ over }) => !over).map(({ socket }) => once(socket, 'close'));
      for (const { socket } of idle) socket.destroy();
      await Promise.all(closed);
      // Its greeting is behind their ends.
      const volume = await openJourneyVolume(journeyOptions(port, keys.a));
      await volume.close();
    }
    assert.ok(!notices.some((text) => /too many/.test(text)));
  });

  it('are one where they share a network of IPv6', () => {
    assert.equal(whoseAddress('10.1.2.3'), '10.1.2.3');
    assert.equal(whoseAddress('::ffff:10.1.2.3'), '10.1.2.3');
    assert.equal(whoseAddress('2001:db8:1:2:3:4:5:6'), '2001:db8:1:2');
    assert.equal(whoseAddress('2001:db8:1:2::9'), '2001:db8:1:2');
    assert.equal(whoseAddress('2001:db8::9'), '2001:db8:0:0');
    assert.equal(whoseAddress('::1'), '0:0:0:0');
  });
});
