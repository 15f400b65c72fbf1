import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { initKeys, unitKeys } from '../../../../hw/keys.ts';
import type { Log } from '../../../../hw/log.ts';
import { loadLiveConfig } from '../../../../src/unit/config/config.ts';
import type { TlsFiles } from '../../../../src/unit/config/configTypes.ts';
import { startUnit } from '../../../../src/unit/live/live.ts';
import { CertificateWatch } from '../../../../src/unit/watch/certificateWatch.ts';
import { freePort } from '../../../kit/freePort.ts';

const DAY_MS = 86_400_000;
const BEGIN = Date.parse('2026-03-01T12:00:00Z');

describe('H2 certificates that come to their end', () => {
  let folder: string;
  let notices: string[];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'certificates-'));
    notices = [];
  });

  afterEach(() => rm(folder, { recursive: true }));

  const path = (name: string): string => join(folder, name);

  /** The authority for ten years, the unit's own for so many days. */
  async function files(days: number, now: number): Promise<TlsFiles> {
    await initKeys(path('keys'), 3650, now);
    await unitKeys(path('keys'), 'near', days, now);
    const [ca, cert, key] = await Promise.all(
      ['ca.crt', 'near.crt', 'near.key'].map((name) => readFile(path(`keys/${name}`), 'utf8')),
    );
    return { ca, cert, key };
  }

  it('are told once at each step, and when they are not any more', async () => {
    const tls = await files(60, BEGIN);
    let now = BEGIN;
    const watch = new CertificateWatch({ tls, wall: () => now, notice: (text) => notices.push(text) });
    /** What is told within these days, looked at every hour. */
    const told = (days: number): string[] => {
      notices = [];
      for (const end = now + days * DAY_MS; now < end; now += 3_600_000) watch.tick();
      return notices;
    };
    assert.deepEqual(told(29), []);
    assert.deepEqual(told(2), ['own certificate near ends on 2026-04-30: make a new one']);
    assert.deepEqual(told(21), []);
    assert.deepEqual(told(2), ['own certificate near ends within a week, on 2026-04-30: make a new one']);
    assert.deepEqual(told(5), []);
    assert.deepEqual(told(3), ['own certificate near has ended: no link can be made']);
    assert.deepEqual(told(30), []);
    // Somebody sets the clock, which was wrong.
    now = BEGIN + DAY_MS;
    assert.deepEqual(told(1), ['own certificate near is good until 2026-04-30']);
    now = BEGIN - 2 * DAY_MS;
    const [own, authority] = told(1);
    assert.equal(own, 'own certificate near begins only later: set the clock right');
    assert.match(authority, /^certificate of the authority .* begins only later: set the clock right$/);
  });

  it('are told at the start of a unit, in its log and its status alike', async () => {
    await files(20, Date.now());
    const listen = `127.0.0.1:${await freePort()}`;
    const config = {
      receive: { listen },
      tls: { ca: 'keys/ca.crt', cert: 'keys/near.crt', key: 'keys/near.key' },
      state: 'state',
      volumes: [{ name: 'disk', mirrors: ['file:far.img'] }],
    };
    await writeFile(path('far.img'), '');
    await writeFile(path('unit.json'), JSON.stringify(config));
    const warn = (message: string, { text }: { text?: string } = {}): void => {
      if (message === 'notice' && text !== undefined) notices.push(text);
    };
    const log: Log = { error: () => {}, warn, info: () => {}, debug: () => {} };
    const unit = await startUnit(await loadLiveConfig(path('unit.json'), {}), { log });
    try {
      const all = notices.filter((text) => /certificate/.test(text));
      assert.equal(all.length, 1, all.join('\n'));
      assert.match(all[0], /^own certificate near ends on \d{4}-\d\d-\d\d: make a new one$/);
      assert.deepEqual(unit.status().notices, all);
    } finally {
      await unit.stop({ withinMs: 5000 });
    }
  });
});
