import assert from 'node:assert/strict';
import { allowed, matchesName, parseNetwork } from '../../../../src/iscsi/target/access.ts';
import { BufferPool } from '../../../../src/iscsi/target/pool.ts';

describe('iSCSI target: who may log in', () => {
  it('reads addresses and networks, and nothing else', () => {
    for (const good of ['10.0.0.0/24', '10.0.0.7', '0.0.0.0/0', 'fd66::/64', '::1', '::/0', '10.0.0.7/32']) {
      assert.ok(parseNetwork(good), good);
    }
    for (const bad of [
      '',
      '10.0.0',
      '10.0.0.0/33',
      'fd66::/129',
      '10.0.0.0/',
      '10.0.0.0/x',
      'host',
      '10.0.0.256',
      '/8',
    ]) {
      assert.equal(parseNetwork(bad), undefined, bad);
    }
  });

  it('by network, bit by bit, each family by itself', () => {
    const may = (network: string, address: string): boolean => allowed({ networks: [network] }, 'iqn.a', address);
    assert.ok(may('10.0.0.0/24', '10.0.0.255'));
    assert.ok(!may('10.0.0.0/24', '10.0.1.0'));
    assert.ok(may('10.0.0.128/25', '10.0.0.200'));
    assert.ok(!may('10.0.0.128/25', '10.0.0.127'));
    assert.ok(may('10.0.0.7', '::ffff:10.0.0.7'), 'IPv4 mapped into IPv6');
    assert.ok(may('0.0.0.0/0', '1.2.3.4'));
    assert.ok(!may('0.0.0.0/0', 'fd66::1'));
    assert.ok(may('fd66::/15', 'fd67::1'));
    assert.ok(!may('fd66::/16', 'fd67::1'));
    assert.ok(may('fe80::/10', 'fe80::1%eth0'));
    assert.ok(!may('nonsense', '10.0.0.1'), 'what does not parse lets nobody in');
    assert.ok(!may('10.0.0.0/8', 'nonsense'));
  });

  it('by name, whatever the case, with any run of characters', () => {
    assert.ok(matchesName('iqn.2024-01.example:a', 'IQN.2024-01.Example:A'));
    assert.ok(!matchesName('iqn.2024-01.example:a', 'iqn.2024-01.example:ab'));
    assert.ok(matchesName('iqn.*:a*', 'iqn.x:ab'));
    assert.ok(matchesName('*', ''));
    assert.ok(matchesName('a*b*c', 'aXbXbc'));
    assert.ok(!matchesName('a*b*c', 'ac'));
    assert.ok(!matchesName('ab*ba', 'aba'), 'both ends need characters of their own');
    assert.ok(!matchesName('a.c', 'abc'), 'a point is a point');
  });

  it('needs both, where both are named; nothing named is no limit', () => {
    const both = { initiators: ['iqn.a'], networks: ['10.0.0.0/8'] };
    assert.ok(allowed(both, 'iqn.a', '10.1.1.1'));
    assert.ok(!allowed(both, 'iqn.b', '10.1.1.1'));
    assert.ok(!allowed(both, 'iqn.a', '11.1.1.1'));
    assert.ok(allowed({ initiators: [], networks: [] }, 'iqn.b', 'x'));
    assert.ok(allowed(undefined, 'iqn.b', 'x'));
  });
});

describe('iSCSI target: buffers', () => {
  it('hold what was asked for, full but for the last, and are used again', () => {
    const pool = new BufferPool(1 << 22);
    for (const bytes of [1, 4096, 4097, 65536, 300000, 1 << 20, (1 << 20) + 1, 5_000_000]) {
      const taken: Uint8Array[] = [];
      pool.take(bytes, taken);
      const sizes = taken.map(({ length }) => length);
      assert.ok(sizes.reduce((sum, size) => sum + size, 0) >= bytes);
      assert.ok(sizes.slice(0, -1).every((size) => size === 1 << 20));
      assert.ok((sizes.at(-1) as number) < 2 * Math.max(4096, bytes));
      for (const buffer of taken) pool.give(buffer);
      const again = pool.one(bytes);
      assert.ok(
        taken.some((buffer) => buffer === again),
        'the one that was given back',
      );
      pool.give(again);
    }
  });

  it('lend no byte twice', () => {
    const pool = new BufferPool(1 << 20);
    const taken = Array.from({ length: 200 }, () => pool.one(4096));
    for (const [i, buffer] of taken.entries()) buffer.fill(i);
    for (const [i, buffer] of taken.entries()) assert.ok(buffer.every((byte) => byte === i));
  });
});
