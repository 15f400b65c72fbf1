import assert from 'node:assert/strict';
import { loadLiveConfig } from '../../../../src/unit/config/config.ts';
import { ConfigFolder } from './configFolder.ts';

const NAME = 'iqn.2024-01.lab.example:served';
const LUN = { lun: 0, from: 'file:disk.img' };
const SECRET = 'sixteen-byte-secret';

function unit(target: object = {}, serve: object = {}, changes: object = {}): object {
  const targets = [{ name: NAME, luns: [LUN], ...target }];
  return { state: 'state', serve: { listen: '10.0.0.2:3260', targets, ...serve }, ...changes };
}

describe('A5 the configuration of what is served', () => {
  const folder = new ConfigFolder(loadLiveConfig, { SERVE_SECRET: SECRET });
  before(async () => {
    await folder.write('joe.secret', `${SECRET}\n`);
    await folder.write('own.secret', 'another-byte-secret\n');
  });

  it('is enough for a unit that does nothing else, with everything else as usual', async () => {
    const { serve, volumes, source } = await folder.load(unit());
    assert.deepEqual([volumes, source], [[], undefined]);
    assert.deepEqual(serve, {
      listen: ['10.0.0.2:3260'],
      targets: [
        {
          name: NAME,
          portals: [],
          luns: [
            {
              lun: 0,
              from: { kind: 'file', to: 'file:disk.img', path: folder.path('disk.img') },
              ...{ thin: false, cache: false, readOnly: false, removable: false },
              identity: {},
            },
          ],
          allow: { initiators: [], networks: [] },
        },
      ],
      limits: {},
      dirtyBytes: 256 << 20,
      awakeUs: 50,
    });
  });

  it('names users and their secrets, who may log in, and how logical units introduce themselves', async () => {
    const auth = {
      users: [
        { user: 'joe', secretFile: 'joe.secret' },
        { user: 'ann', secretEnv: 'SERVE_SECRET' },
      ],
      mutual: { user: 'target', secretFile: 'own.secret' },
      algorithms: ['sha256', 'sha3-256'],
    };
    const allow = { initiators: ['iqn.2024-01.lab.example:*'], networks: ['10.0.0.0/24', 'fd66::/64'] };
    const naa = 'naa.60014050000000000000000000000042';
    const luns = [
      { ...LUN, serial: 'db-1', naa, vendor: 'LAB', product: 'Disk', blockSize: 4096 },
      {
        lun: 1,
        from: { from: 'iscsi://10.0.9.2/iqn.2024-01.lab.example:other/1', user: 'joe', secretFile: 'joe.secret' },
      },
    ];
    const { serve } = await folder.load(unit({ auth, allow, luns }, { listen: ['10.0.0.2:3260', '[fd66::2]:3260'] }));
    const [target] = serve?.targets ?? [];
    assert.deepEqual(serve?.listen, ['10.0.0.2:3260', '[fd66::2]:3260']);
    assert.deepEqual(target.auth, {
      users: [
        { user: 'joe', secret: SECRET },
        { user: 'ann', secret: SECRET },
      ],
      mutual: { user: 'target', secret: 'another-byte-secret' },
      algorithms: [7, 8],
    });
    assert.deepEqual(target.allow, allow);
    assert.deepEqual(target.luns[0].identity, { vendor: 'LAB', product: 'Disk', serial: 'db-1', naa: naa.slice(4) });
    const { from } = target.luns[1];
    assert.ok(from.kind === 'lu' && from.url.secret === SECRET);
  });

  const wrong: [string, object, RegExp][] = [
    ['no target', unit({}, { targets: [] }), /serve\.targets: the list is empty/],
    ['no place to listen', unit({}, { listen: undefined }), /the key "listen" is missing/],
    ['no port', unit({}, { listen: '10.0.0.2' }), /serve\.listen: "10\.0\.0\.2" is not IP:PORT/],
    ['a name that is none', unit({ name: 'disk' }), /serve\.targets\[0\]\.name: "disk" is not an iSCSI name/],
    ['no logical unit', unit({ luns: [] }), /luns: the list is empty/],
    [
      'a LUN twice',
      unit({ luns: [LUN, { ...LUN, from: 'file:b.img' }] }),
      /luns\[1\]\.lun: the same as .*luns\[0\]\.lun/,
    ],
    ['a LUN too high', unit({ luns: [{ ...LUN, lun: 16_384 }] }), /a whole number of units from 0 to 16383/],
    ['nothing behind it', unit({ luns: [{ lun: 0 }] }), /one of "from", "mirror", "received" and "moment"/],
    [
      'two things behind it',
      unit({ luns: [{ ...LUN, mirror: 'file:a' }] }),
      /one of "from", "mirror", "received" and "moment"/,
    ],
    ['one file twice', unit({ luns: [LUN, { ...LUN, lun: 1 }] }), /disk\.img is served already/],
    ["the unit's own folder", unit({ luns: [{ lun: 0, from: 'file:state' }] }), /is the unit's own state/],
    ['a block size of its own', unit({ luns: [{ ...LUN, blockSize: 520 }] }), /no power of two/],
    ['a designator that is none', unit({ luns: [{ ...LUN, naa: '42' }] }), /"42" is no NAA designator/],
    ['a long serial number', unit({ luns: [{ ...LUN, serial: 'x'.repeat(65) }] }), /not 1 to 64 ASCII/],
    ['a network that is none', unit({ allow: { networks: ['10.0.0.0/33'] } }), /"10\.0\.0\.0\/33" is no network/],
    ['a user without a secret', unit({ auth: { users: [{ user: 'joe' }] } }), /users\[0\]: a user without a secret/],
    [
      'a secret in both directions',
      unit({
        auth: { users: [{ user: 'a', secretFile: 'joe.secret' }], mutual: { user: 'b', secretFile: 'joe.secret' } },
      }),
      /the same secret in both directions/,
    ],
    [
      'a secret that is not there',
      unit({ auth: { users: [{ user: 'a', secretFile: 'none.secret' }] } }),
      /none\.secret does not exist/,
    ],
    ['nothing to do', { state: 'state' }, /neither the key "source" nor the key "receive"/],
  ];
  for (const [what, config, says] of wrong) {
    it(`refuses ${what}`, async () => {
      const lines = await folder.mistakes(config);
      assert.ok(
        lines.some((line) => says.test(line)),
        lines.join('\n'),
      );
      assert.ok(lines.every((line) => !line.includes(SECRET)));
    });
  }
});
