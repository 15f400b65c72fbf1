import { describeLive, IQN, lu, SECOND, SIZE, TAP, TARGET } from './kit/bench.ts';

describeLive('A2 a unit on a tap', ['pcap', 'tgt'], (bench) => {
  it('B5 keeps two LUs equal at once, with two mirrors each, while two hosts write', async () => {
    const b = bench();
    const luns = (...names: string[]) =>
      names.map((name, i) => ({ lun: i + 1, image: b.image(name, { seed: i + 1 }) }));
    await b.tgt({ luns: luns('a.img', 'b.img') });
    const mirrors = luns('a2.img', 'b2.img');
    await b.tgt({ portals: [SECOND], target: `${IQN}-second`, luns: mirrors });
    b.image('a3.img');
    b.image('b3.img');
    const one = (n: number, file: string) => ({
      lu: `${IQN}/${n}`,
      first: lu(TARGET, IQN, n),
      mirrors: [lu(SECOND, `${IQN}-second`, n), `file:${file}`],
    });
    const unit = await b.unit({ source: TAP, volumes: [one(1, 'a3.img'), one(2, 'b3.img')] });
    const half = SIZE / 1024;
    const loads = await Promise.all([
      b.load({ url: lu(TARGET, IQN, 1), count: 800, span: half }),
      b.load({ url: lu(TARGET, IQN, 1), count: 300, from: half, blocks: [64, 512], operations: ['w10', 'w16', 'r10'] }),
      b.load({ url: lu(TARGET, IQN, 2), count: 600, overlap: true, blocks: [1, 32] }),
    ]);
    await Promise.all(loads.map((load) => load.whole()));
    await unit.settled();
    b.same('a.img', 'a2.img', 'a3.img');
    b.same('b.img', 'b2.img', 'b3.img');
    await unit.stop();
  });
});
