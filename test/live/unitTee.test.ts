import assert from 'node:assert/strict';
import {
  describeLive,
  IQN,
  lu,
  SECOND,
  SECOND_LU,
  SIZE,
  TARGET,
  TARGET6,
  TEE,
  TEE_SOURCE,
  TEE6,
  volume,
  WRITES,
} from './kit/bench.ts';
import type { Operation } from './kit/operations.ts';

const DIGESTS = ['HeaderDigest=CRC32C,None', 'DataDigest=CRC32C,None'];
const BLOCKS = SIZE / 512;
describeLive('A3 a unit as a tee', ['tgt', 'istgt'], (bench) => {
  for (const mtu of [1500, 9000]) {
    it(`B5 keeps two LUs equal at once, with two mirrors each, at an MTU of ${mtu}`, async () => {
      const b = bench();
      await b.net.mtu(b.host, 'h0', mtu);
      await b.net.mtu(b.target, 't0', mtu);
      const luns = (...names: string[]) =>
        names.map((name, i) => ({ lun: i + 1, image: b.image(name, { seed: i + 1 }) }));
      await b.tgt({ luns: luns('a.img', 'b.img'), parameters: DIGESTS });
      await b.tgt({ portals: [SECOND], target: `${IQN}-second`, luns: luns('a2.img', 'b2.img') });
      b.image('a3.img');
      b.image('b3.img');
      const one = (n: number, file: string) => ({
        lu: `${IQN}/${n}`,
        first: lu(TARGET, IQN, n),
        mirrors: [lu(SECOND, `${IQN}-second`, n), `file:${file}`],
      });
      const unit = await b.unit({ source: TEE_SOURCE, volumes: [one(1, 'a3.img'), one(2, 'b3.img')] });
      const half = BLOCKS / 2;
      const operations: Operation[] = [...WRITES, 'or'];
      const loads = await Promise.all([
        b.load({ url: lu(TEE, IQN, 1), count: 800, span: half, digests: true }),
        b.load({ url: lu(TEE, IQN, 1), count: 200, from: half, blocks: [64, 512], operations: ['w10', 'w16', 'r10'] }),
        b.load({ url: lu(TEE, IQN, 2), count: 600, overlap: true, blocks: [1, 32], operations }),
      ]);
      await Promise.all(loads.map((load) => load.whole()));
      await unit.settled();
      b.same('a.img', 'a2.img', 'a3.img');
      b.same('b.img', 'b2.img', 'b3.img');
      await unit.stop();
    });
  }
  it('A3 passes IPv6 to a target on IPv6', async () => {
    const b = bench();
    await b.first({ portals: [TARGET6] });
    b.image('second.img');
    const source = { tee: { listen: TEE6, target: TARGET6 } };
    const volumes = [{ lu: `${IQN}/1`, first: lu(TARGET6), mirrors: ['file:second.img'] }];
    const unit = await b.unit({ source, volumes });
    await (await b.load({ url: lu(TEE6), count: 500 })).whole();
    await unit.settled();
    b.same('first.img', 'second.img');
    await unit.stop();
  });
  it('B5 works with istgt, as the first target and as the mirror', async () => {
    const b = bench();
    const [first, second] = [b.image('first.img', { seed: 1 }), b.image('second.img', { seed: 2 })];
    await b.istgt('one', TARGET, first, IQN);
    await b.istgt('two', SECOND, second, `${IQN}-second`);
    const unit = await b.unit({
      source: TEE_SOURCE,
      volumes: [{ lu: `${IQN}/0`, first: lu(TARGET, IQN, 0), mirrors: [lu(SECOND, `${IQN}-second`, 0)] }],
    });
    const operations: Operation[] = ['w10', 'w12', 'w16', 'fua', 'wv10', 'same10', 'r10', 'sync'];
    await (await b.load({ url: lu(TEE, IQN, 0), count: 600, operations, digests: true })).whole();
    const { volumes } = await unit.settled();
    assert.ok(volumes[0].changes > 300, `${volumes[0].changes} changes were seen`);
    b.same('first.img', 'second.img');
    await unit.stop();
  });
  it('G1 holds a command back until its marks are on the disk, when so configured', async () => {
    const b = bench();
    await b.first();
    await b.second();
    const source = { tee: { ...TEE_SOURCE.tee, status: 'recorded' } };
    const unit = await b.unit({ source, volumes: [volume(SECOND_LU)], record: { hotBytes: '1MiB' } });
    await unit.until('what is marked is the hot set', ({ volumes }) =>
      volumes.every(({ mirrors }) => mirrors.every(({ record }) => (record?.marked ?? 0) <= 16)),
    );
    const { done } = await (await b.load({ url: lu(TEE), count: 600, depth: 16 })).whole();
    const status = await unit.settled();
    const { holding, held } = status.source.writes as { holding: number; held: number };
    assert.equal(holding, 0);
    assert.ok(held > 0, `${held} of ${done} commands waited`);
    b.same('first.img', 'second.img');
    await unit.stop();
  });
});
