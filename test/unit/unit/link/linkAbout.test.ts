import assert from 'node:assert/strict';
import type { LinkAbout } from '../../../../parsers/formats/linkAbout.ts';
import type { LinkKeys } from '../../../../src/unit/link/journeyTypes.ts';
import { openJourneyVolume } from '../../../../src/unit/link/journeyVolume.ts';
import { MemoryFarStore } from '../../../kit/farStore.ts';
import { Authority, journeyOptions, serve, until } from '../../../kit/journey.ts';

const HOUR_MS = 3_600_000;
const FIRST = { vendor: 'IET', product: 'DISK', revision: '1', serial: 's', designators: [] };

describe('D1 units tell each other who they are', () => {
  let keys: Record<'near' | 'far', LinkKeys>;

  before(async () => {
    const authority = await Authority.make();
    keys = { near: await authority.unit('near'), far: await authority.unit('far') };
  });

  const change = { kind: 'change', at: 1n, consistent: true } as const;
  const pieces = [{ offset: 0, length: 512, payload: [new Uint8Array(512).fill(1)] }];

  it('version and clock both ways, and what hosts know the first volume by to the far end', async () => {
    const heard: [string, LinkAbout][] = [];
    const store = new MemoryFarStore(65_536);
    const about = {
      own: () => ({ version: '2.0.0', clock: Date.now() + HOUR_MS }),
      heard: (volume: string, said: LinkAbout) => void heard.push([volume, said]),
    };
    const { service, port } = await serve(keys.far, { vol1: store }, { about });
    const own = { version: '1.0.0', clock: Date.now(), first: FIRST };
    const volume = await openJourneyVolume(journeyOptions(port, keys.near, { about: () => own }));
    try {
      await until(() => volume.link.version !== undefined);
      assert.equal(volume.link.version, '2.0.0');
      assert.ok(Math.abs((volume.link.clockMs ?? 0) - HOUR_MS) < HOUR_MS / 2);
      assert.deepEqual(heard, [['vol1', own]]);
      const { unit } = service.sender('vol1') ?? {};
      assert.equal(unit?.version, '1.0.0');
      assert.ok(Math.abs(unit?.clockMs ?? HOUR_MS) < HOUR_MS / 2);
      await volume.append({ ...change, pieces });
    } finally {
      await volume.close();
      await service.close();
    }
  });

  it('and a far end how its mirrors stand, again when that changes, until the connection is over', async () => {
    const store = new MemoryFarStore(65_536);
    let state = 'behind';
    const about = {
      own: () => ({ version: '2.0.0', clock: 0 }),
      heard: () => undefined,
      beyond: (volume: string) => [{ to: `file:/${volume}.img`, state, behindBytes: 3 }],
    };
    const { service, port } = await serve(keys.far, { vol1: store }, { about });
    const own = { version: '1.0.0', clock: 0 };
    const volume = await openJourneyVolume(journeyOptions(port, keys.near, { about: () => own }));
    try {
      await until(() => volume.link.beyond !== undefined);
      assert.deepEqual(volume.link.beyond, [{ to: 'file:/vol1.img', state: 'behind', behindBytes: 3 }]);
      state = 'broken';
      await until(() => volume.link.beyond?.[0]?.state === 'broken');
    } finally {
      await service.close();
      await until(() => volume.link.beyond === undefined);
      await volume.close();
    }
  });

  it('nothing where either does not want to', async () => {
    const about = { own: () => ({ version: '2', clock: 0 }), heard: () => assert.fail('nothing was said') };
    for (const far of [{ about }, {}]) {
      const { service, port } = await serve(keys.far, { vol1: new MemoryFarStore(65_536) }, far);
      const near = 'about' in far ? {} : { about: () => ({ version: '1', clock: 0 }) };
      const volume = await openJourneyVolume(journeyOptions(port, keys.near, near));
      await volume.append({ ...change, pieces });
      assert.equal(volume.link.version, undefined);
      assert.equal(service.sender('vol1')?.unit, undefined);
      await volume.close();
      await service.close();
    }
  });
});
