import assert from 'node:assert/strict';
import type { UnitStatus } from '../../src/unit/watch/status.ts';
import { describeLive, IQN, lu, SECOND, SECOND_LU, SIZE, TAP, TARGET, TARGET6, volume, WRITES } from './kit/bench.ts';
import { run } from './kit/processes.ts';

const BLOCKS = SIZE / 512;

/** Bytes that were read back from the first volume. */
function compared({ volumes }: UnitStatus): number {
  return volumes.reduce((sum, { mirrors }) => sum + mirrors.reduce((n, one) => n + one.comparedBytes, 0), 0);
}

describeLive('A2 a unit on a tap', ['pcap', 'tgt'], (bench) => {
  it('B5 keeps two LUs equal at once, with two mirrors each, while two hosts write', async () => {
    const b = bench();
    const luns = (...names: string[]) =>
      names.map((name, i) => ({ lun: i + 1, image: b.image(name, { seed: i + 1 }) }));
    await b.tgt({ luns: luns('a.img', 'b.img') });
    await b.tgt({ portals: [SECOND], target: `${IQN}-second`, luns: luns('a2.img', 'b2.img') });
    b.image('a3.img');
    b.image('b3.img');
    const one = (n: number, file: string) => ({
      lu: `${IQN}/${n}`,
      first: lu(TARGET, IQN, n),
      mirrors: [lu(SECOND, `${IQN}-second`, n), `file:${file}`],
    });
    const unit = await b.unit({ source: TAP, volumes: [one(1, 'a3.img'), one(2, 'b3.img')] });
    const half = BLOCKS / 2;
    const loads = await Promise.all([
      b.load({ url: lu(TARGET, IQN, 1), count: 800, span: half }),
      b.load({ url: lu(TARGET, IQN, 1), count: 300, from: half, blocks: [64, 512], operations: ['w10', 'w16', 'r10'] }),
      b.load({ url: lu(TARGET, IQN, 2), count: 600, overlap: true, blocks: [1, 32], operations: [...WRITES, 'or'] }),
    ]);
    await Promise.all(loads.map((load) => load.whole()));
    await unit.settled();
    b.same('a.img', 'a2.img', 'a3.img');
    b.same('b.img', 'b2.img', 'b3.img');
    await unit.stop();
  });

  it('A6 follows jumbo frames and digests', async () => {
    const b = bench();
    await b.net.mtu(b.host, 'h0', 9000);
    await b.net.mtu(b.target, 't0', 9000);
    await b.first({ parameters: ['HeaderDigest=CRC32C,None', 'DataDigest=CRC32C,None'] });
    await b.second();
    const unit = await b.unit({ source: TAP, volumes: [volume(SECOND_LU)] });
    await (await b.load({ count: 600, digests: true, blocks: [1, 256] })).whole();
    await unit.settled();
    b.same('first.img', 'second.img');
    await unit.stop();
  });

  it('A1 follows IPv6', async () => {
    const b = bench();
    await b.first({ portals: [TARGET6] });
    await b.second({ portals: ['[::1]:14710'] });
    const source = { tap: { ...TAP.tap, portals: [TARGET6] } };
    const mirror = lu('[::1]:14710', `${IQN}-second`);
    const unit = await b.unit({ source, volumes: [{ lu: `${IQN}/1`, first: lu(TARGET6), mirrors: [mirror] }] });
    await (await b.load({ url: lu(TARGET6), count: 600 })).whole();
    const { volumes } = await unit.settled();
    assert.ok(volumes[0].changes > 300, `${volumes[0].changes} changes were seen`);
    b.same('first.img', 'second.img');
    await unit.stop();
  });

  it('A2 merges two interfaces that see one direction each', async () => {
    const b = bench();
    const plug = (name: string) => ({ space: b.target, name, addresses: [] });
    await b.net.cable(plug('d0'), plug('d1'));
    await b.net.cable(plug('e0'), plug('e1'));
    await b.net.mirrorPort(b.target, 't0', 'd0', ['ingress']);
    await b.net.mirrorPort(b.target, 't0', 'e0', ['egress']);
    await b.first();
    await b.second();
    const source = { tap: { ...TAP.tap, interfaces: ['d1', 'e1'] } };
    const unit = await b.unit({ source, volumes: [volume(SECOND_LU)] });
    const before = await unit.settled();
    await (await b.load({ count: 800 })).whole();
    const after = await unit.settled();
    const [read, changes] = [compared(after) - compared(before), after.volumes[0].changes];
    assert.ok(changes > 400, `${changes} changes were seen`);
    assert.equal(read, 0, 'what the bus says in order needs no reading back');
    b.same('first.img', 'second.img');
    await unit.stop();
  });

  it('B6b leaves its own sessions on the bus out, where it reads the first volume over the interface that it taps', async () => {
    const b = bench();
    await b.first();
    b.image('second.img', { seed: 3 });
    const source = { tap: { ...TAP.tap, interfaces: ['h0'] } };
    const unit = await b.unit({ source, volumes: [volume('file:second.img')] }, { space: b.host });
    await (await b.load({ count: 500, overlap: true, blocks: [1, 64] })).whole();
    const { volumes } = await unit.settled();
    assert.ok(volumes[0].changes < 600, `${volumes[0].changes} changes: no more than the host made`);
    b.same('first.img', 'second.img');
    await unit.stop();
  });
});

describeLive('A2 a unit behind a remote SPAN', ['pcap', 'tgt', 'vxlan', 'mirror-port'], (bench) => {
  it('A1 opens a VXLAN tunnel of the kernel, seeing nothing else', async () => {
    const b = bench();
    const far = await b.net.space('unit');
    const span = { space: b.target, name: 's0', addresses: ['10.68.0.1/24'] };
    await b.net.cable(span, { space: far, name: 'u0', addresses: ['10.68.0.2/24'] }, 9000);
    const bus = { space: b.target, name: 'r0', addresses: ['10.69.0.1/24'] };
    await b.net.cable(bus, { space: far, name: 'r1', addresses: ['10.69.0.2/24'] });
    const tunnel = ['type', 'vxlan', 'id', '7', 'local', '10.68.0.1', 'remote', '10.68.0.2', 'dstport', '4789'];
    await run(undefined, ['ip', '-n', b.target, 'link', 'add', 'name', 'v0', ...tunnel, 'dev', 's0']);
    await run(undefined, ['ip', '-n', b.target, 'link', 'set', 'dev', 'v0', 'mtu', '8000', 'up']);
    await b.net.mirrorPort(b.target, 't0', 'v0', ['ingress', 'egress']);
    const other = '10.69.0.1:14700';
    await b.first({ portals: [TARGET, other] });
    b.image('second.img', { seed: 4 });
    const source = { tap: { ...TAP.tap, interfaces: ['u0'] } };
    const volumes = [{ lu: `${IQN}/1`, first: lu(other), mirrors: ['file:second.img'] }];
    const unit = await b.unit({ source, volumes }, { space: far });
    await unit.settled();
    await (await b.load({ count: 800 })).whole();
    const status = await unit.settled();
    assert.ok(status.volumes[0].changes > 400, `${status.volumes[0].changes} changes came through the tunnel`);
    b.same('first.img', 'second.img');
    await unit.stop();
  });
});
