import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { Bench } from './kit/bench.ts';
import { need } from './kit/parts.ts';
import { outcome, run } from './kit/processes.ts';
import { MAIN } from './kit/unit.ts';

describe('H4 the interface of a tap', () => {
  let bench: Bench;
  before(function () {
    return need(this, []);
  });
  beforeEach(async () => {
    bench = new Bench();
    await bench.cable();
    const on = ['gro', 'on', 'tso', 'on', 'gso', 'on', 'sg', 'on', 'tx', 'on'];
    await run(bench.target, ['ethtool', '-K', 't0', ...on]);
  });
  afterEach(() => bench.close());

  const nic = (...words: string[]): string[] => [process.execPath, MAIN, 'nic', ...words, '--state', bench.path('nic')];

  /** Everything that a tap's interface should have another way. */
  async function found(): Promise<Record<string, string>> {
    const features = await run(bench.target, ['ethtool', '-k', 't0']);
    const of = (name: string): string => new RegExp(`^${name}: (\\w+)`, 'm').exec(features)?.[1] ?? '';
    const link = await run(bench.target, ['ip', 'link', 'show', 'dev', 't0']);
    const addresses = await run(bench.target, ['ip', '-o', 'addr', 'show', 'dev', 't0', 'scope', 'global']);
    return {
      gro: of('generic-receive-offload'),
      tso: of('tcp-segmentation-offload'),
      gso: of('generic-segmentation-offload'),
      vlan: of('rx-vlan-offload'),
      mtu: /mtu (\d+)/.exec(link)?.[1] ?? '',
      arp: link.includes('NOARP') ? 'off' : 'on',
      up: /[<,]UP[,>]/.test(link) ? 'up' : 'down',
      addresses: [...addresses.matchAll(/inet6? (\S+)/g)]
        .map((match) => match[1])
        .sort()
        .join(' '),
    };
  }

  it('is prepared, twice is no harm, and is put back as it was', async () => {
    const before = await found();
    assert.deepEqual([before.gro, before.tso, before.addresses], ['on', 'on', '10.67.0.2/24 fd67::2/64']);
    const dry = await run(bench.target, nic('prepare', 't0', '--dry-run'));
    assert.match(dry, /^ethtool -K t0 gro off$/m);
    assert.match(dry, /^ip addr del 10\.67\.0\.2\/24 dev t0$/m);
    assert.deepEqual(await found(), before);

    await run(bench.target, nic('prepare', 't0'));
    await run(bench.target, nic('prepare', 't0'));
    const rest = { gro: 'off', tso: 'off', gso: 'off', vlan: 'off', mtu: '9216', arp: 'off', up: 'up', addresses: '' };
    assert.deepEqual(await found(), rest);

    const { interface: name, lines } = JSON.parse(await run(bench.target, nic('restore', 't0', '--json'))) as {
      interface: string;
      lines: string[];
    };
    assert.deepEqual([name, lines.at(-1)], ['t0', 't0: as it was']);
    assert.deepEqual(await found(), before);
    assert.equal(existsSync(bench.path('nic/t0.state')), false);
    assert.match(await run(bench.target, nic('restore', 't0')), /was not prepared, nothing to put back/);
  });

  it('is left alone by a restore when it is another one of the same name', async () => {
    await run(bench.target, nic('prepare', 't0'));
    await run(bench.target, ['ip', 'link', 'del', 't0']);
    await run(bench.target, ['ip', 'link', 'add', 't0', 'type', 'veth', 'peer', 'name', 't1']);
    const before = await found();
    assert.match(await run(bench.target, nic('restore', 't0')), /is another interface than the one that was prepared/);
    assert.deepEqual(await found(), before);
    await run(bench.target, nic('prepare', 't0'));
    await run(bench.target, nic('restore', 't0'));
    assert.deepEqual(await found(), before);
  });

  it('is refused where the default route goes over it, and where there is none', async () => {
    await run(bench.target, ['ip', 'route', 'add', 'default', 'via', '10.67.0.1']);
    const before = await found();
    const routed = await outcome(bench.target, nic('prepare', 't0'));
    assert.equal(routed.code, 1);
    assert.match(routed.err, /^tapmirror: t0: this machine's default route goes over it/);
    assert.deepEqual(await found(), before);
    const none = await outcome(bench.target, nic('prepare', 't9'));
    assert.match(none.err, /^tapmirror: t9: there is no such interface/);
  });
});
