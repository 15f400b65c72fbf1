import assert from 'node:assert/strict';
import { Fault } from '../../../../src/base/fault.ts';
import { portalFilter, rawFilter } from '../../../../src/unit/bus/tapFilter.ts';

/** What these texts let pass is proved on frames in test/live/tapFilter.test.ts. */
describe('A2 the text of the kernel filter', () => {
  const V4 = '10.0.0.2:3260';

  it('names hosts and ports', () => {
    const { other } = portalFilter({ portals: [V4, '[fd66::2]:860'], tunnels: false });
    assert.match(other, /ip host 10\.0\.0\.2 and \(\(tcp port 860 or tcp port 3260\) or/);
    assert.match(other, /ip6 host fd66::2 and/);
    assert.doesNotMatch(other, /vlan|udp|proto 47/);
  });

  it('names a family only where it has a portal, or where there is none at all', () => {
    assert.doesNotMatch(portalFilter({ portals: [V4], tunnels: false }).other, /ip6/);
    const all = portalFilter({ portals: [], tunnels: false }).other;
    assert.match(all, /\(ip and \(tcp or/);
    assert.match(all, /\(ip6 and \(tcp or/);
  });

  it('puts what is untagged first, as the word vlan moves all that follows', () => {
    const { ethernet, other } = portalFilter({ portals: [V4], tunnels: false });
    assert.equal(ethernet, `${other} or (vlan and (${other} or (vlan and ${other})))`);
  });

  it('takes a portal of every address as its port alone', () => {
    const { other } = portalFilter({ portals: ['0.0.0.0:3260', '[::]:3260'], tunnels: false });
    assert.doesNotMatch(other, /host/);
    assert.match(other, /tcp port 3260/);
  });

  it('lets more pass where hosts or ports are too many, never less', () => {
    const many = Array.from({ length: 9 }, (_, i) => `10.0.0.${i}:3260`);
    const hosts = portalFilter({ portals: many, tunnels: false }).other;
    assert.doesNotMatch(hosts, /host/);
    assert.match(hosts, /tcp port 3260/);
    const ports = Array.from({ length: 9 }, (_, i) => `10.0.0.1:${3260 + i}`);
    const open = portalFilter({ portals: ports, tunnels: false }).other;
    assert.match(open, /ip host 10\.0\.0\.1 and \(tcp or/);
  });

  it('leaves what an operator wrote as it is', () => {
    assert.deepEqual(rawFilter('tcp port 3260'), { ethernet: 'tcp port 3260', other: 'tcp port 3260' });
  });

  it('refuses what is no portal, so that nothing else gets into the text', () => {
    for (const portal of ['10.0.0.2', 'host:3260', '10.0.0.2:99999', '10.0.0.2:1 or tcp', '[fd66::2:3260', '']) {
      assert.throws(() => portalFilter({ portals: [portal], tunnels: false }), Fault, portal);
    }
  });
});
