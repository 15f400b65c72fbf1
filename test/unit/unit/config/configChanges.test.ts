import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import type { ChangedMirror } from '../../../../hw/changedFile.ts';
import { mirrorNode, nodeOf, sameNode, withChanges } from '../../../../src/unit/config/configChanges.ts';
import { readJson } from '../../../../src/unit/config/configJson.ts';
import { type ConfigNode, isMistake } from '../../../../src/unit/config/configTree.ts';

const BY = { by: 'joe', at: '2026-11-21T22:00:00Z' };
const at = (path: string): string => resolve('/etc/unit', path);

function rootOf(value: unknown): ConfigNode {
  const root = readJson(JSON.stringify(value));
  assert.ok(!isMistake(root));
  return root;
}

/** What `mirrors` of each volume says then. */
function mirrorsOf(node: ConfigNode): unknown[] {
  const plain = (one: ConfigNode): unknown => {
    if (one.kind === 'scalar') return one.value;
    if (one.kind === 'list') return one.items.map(plain);
    return Object.fromEntries(one.entries.map(({ key, value }) => [key, plain(value)]));
  };
  const { volumes } = plain(node) as { volumes: { mirrors: unknown[] }[] };
  return volumes.map(({ mirrors }) => mirrors);
}

function added(volume: string, as: unknown, mirror = 'x'): ChangedMirror {
  return { volume, mirror, change: 'added', as, ...BY };
}

function removed(volume: string, mirror: string): ChangedMirror {
  return { volume, mirror, change: 'removed', ...BY };
}

const ISCSI = 'iscsi://10.0.0.9/iqn.2024-01.example:a/1';
const CONFIG = {
  state: 'state',
  volumes: [
    { lu: 'iqn.x:1/1', name: 'one', mirrors: ['file:a', { to: ISCSI, user: 'joe', secretFile: 's' }] },
    { name: 'far', mirrors: ['file:far.img'] },
    { lu: 'iqn.x:1/2' },
  ],
};

describe('H3 a configuration with mirrors that were added and removed', () => {
  const root = rootOf({ ...CONFIG, volumes: CONFIG.volumes.slice(0, 2) });

  it('has them where it has the volume, by LU or, over a link, by name', () => {
    const changes = [
      added('iqn.x:1/1', 'file:/srv/b'),
      removed('iqn.x:1/1', 'file:a'),
      added('far', { to: 'journey://10.0.0.9:7260/far', limit: '5MB' }),
    ];
    const { root: changed, lasting, over } = withChanges(root, changes, at);
    assert.deepEqual(mirrorsOf(changed), [
      [{ to: ISCSI, user: 'joe', secretFile: 's' }, 'file:/srv/b'],
      ['file:far.img', { to: 'journey://10.0.0.9:7260/far', limit: '5MB' }],
    ]);
    assert.deepEqual([lasting, over], [changes, []]);
    assert.deepEqual(mirrorsOf(root), mirrorsOf(withChanges(root, [], at).root), 'what was read is as it was');
  });

  it('knows what it says by now, in whatever words, and volumes that it has no more', () => {
    const changes = [
      added('iqn.x:1/1', 'file:///etc/unit/a'),
      added('iqn.x:1/1', 'iscsi://joe@other:3261/iqn.2024-01.example:a/1'),
      removed('iqn.x:1/1', 'file:gone'),
      removed('one', 'file:a'),
      added('nowhere', 'file:b'),
      added('iqn.x:1/2', 'file:b'),
    ];
    const { root: changed, lasting, over } = withChanges(root, changes, at);
    assert.deepEqual([lasting, over], [[], changes]);
    assert.deepEqual(mirrorsOf(changed), mirrorsOf(root));
  });

  it('finds how a medium is written, and whether it is written just so', () => {
    const node = mirrorNode(root, 'iqn.x:1/1', nodeOf(ISCSI, 0), at);
    assert.ok(node);
    assert.equal(sameNode(node, nodeOf({ user: 'joe', secretFile: 's', to: ISCSI }, 0)), true);
    assert.equal(sameNode(node, nodeOf({ user: 'jim', secretFile: 's', to: ISCSI }, 0)), false);
    assert.equal(mirrorNode(root, 'iqn.x:1/1', nodeOf('file:/srv/a', 0), at), undefined);
  });

  it('takes anything that is no configuration at all as it is', () => {
    for (const odd of [
      7,
      [],
      {},
      { volumes: 7 },
      { volumes: [7, { mirrors: 7, lu: 'a' }, { lu: 'a', mirrors: [[], 7] }] },
    ]) {
      const { lasting } = withChanges(rootOf(odd), [added('a', { volumes: [] }), removed('a', 'file:x')], at);
      assert.ok(lasting.length <= 1);
    }
  });
});
