import assert from 'node:assert/strict';
import { statSync, truncateSync } from 'node:fs';
import { type Bench, describeLive, lu, SECOND_LU, SIZE, TAP, TARGET, TEE, TEE_SOURCE, volume } from './kit/bench.ts';
import { MiB } from './kit/files.ts';
import type { Tgt } from './kit/tgt.ts';

const LARGER = SIZE + 16 * MiB;
const FILE = 'file:third.img';

describeLive('B2b a volume that is enlarged', ['pcap', 'tgt'], (bench) => {
  /** The target begins anew, or takes the LU away for a moment while its hosts stay logged in. */
  const enlarge = {
    async restart(b: Bench, first: Tgt): Promise<void> {
      await first.stop();
      truncateSync(b.path('first.img'), LARGER);
      await first.start();
    },
    async online(b: Bench, first: Tgt): Promise<void> {
      await first.dropLun(1);
      truncateSync(b.path('first.img'), LARGER);
      await first.lun({ lun: 1, image: b.path('first.img') });
      // The unit hears of it from the first host that asks.
      await (await b.load({ count: 20 })).whole();
    },
  };

  for (const [what, portal, source, how] of [
    ['tap', TARGET, TAP, enlarge.online],
    ['tee', TEE, TEE_SOURCE, enlarge.restart],
  ] as const) {
    it(`as a ${what}: a file grows with it; an LU that cannot is paused, says so, and goes on once it is enlarged`, async () => {
      const b = bench();
      const first = await b.first();
      const second = await b.second();
      b.image('third.img');
      const unit = await b.unit({ source, volumes: [volume(SECOND_LU, FILE)] });
      await (await b.load({ url: lu(portal), count: 100 })).whole();
      await unit.settled();
      await how(b, first);
      const { why } = await unit.toldState('paused', 0, SECOND_LU);
      assert.match(why ?? '', new RegExp(`live-second/1.*${SIZE}.*${LARGER}|live-second/1.*${LARGER}.*${SIZE}`));
      await (await b.load({ url: lu(portal), count: 200, from: SIZE / 1024 })).whole();
      const { volumes } = await unit.stays(
        'the file is equal',
        (status) => status.volumes[0].mirrors[1].state === 'equal',
      );
      assert.equal(volumes[0].blocks, LARGER / 512);
      assert.equal(statSync(b.path('third.img')).size, LARGER);
      const { error, behindBytes } = volumes[0].mirrors[0];
      assert.ok(error?.mend, 'it is said what to do');
      assert.ok(behindBytes >= LARGER - SIZE, 'all that is new is behind');
      b.same('first.img', 'third.img');
      await second.stop();
      truncateSync(b.path('second.img'), LARGER);
      await second.start();
      await unit.settled();
      b.same('first.img', 'second.img', 'third.img');
      await unit.stop();
    });
  }
});
