import assert from 'node:assert/strict';
import { LatencyTally } from '../../../../src/stat/latency.ts';
import { metricsText } from '../../../../src/unit/watch/metrics.ts';
import { LatencyText } from '../../../../src/unit/watch/metricsLatency.ts';
import { METRICS_TYPE } from '../../../../src/unit/watch/metricsPage.ts';
import type { UnitStatus } from '../../../../src/unit/watch/status.ts';
import { view } from '../../stat/view.ts';

const STATUS: UnitStatus = {
  unit: '01234567-89ab-cdef-0123-456789abcdef',
  version: '0.1.0',
  since: '2026-03-01T14:05:00.000Z',
  source: { kind: 'tap', text: 'tap eth1', drops: 3, frames: 500, level: 'all', interfaces: [] },
  buffer: { bytes: 1000, freeBytes: 400, state: 'lbnOnly', falls: 2 },
  volumes: [
    {
      lu: 'iqn.a:"x"\\/1',
      name: 'db "one"',
      blockSize: 512,
      blocks: 2048,
      first: { url: 'iscsi://10.0.0.2/iqn.a/1', state: 'down' },
      changes: 7,
      barriers: 1,
      openWrites: 2,
      mirrors: [
        {
          to: 'journey://10.0.9.1:7260/db',
          state: 'repairing',
          behindBytes: 4096,
          unresolvedBytes: 512,
          lag: { changes: 4, seconds: 1.5 },
          writtenBytes: 1 << 20,
          comparedBytes: 10,
          copiedBytes: 5,
          progress: { done: 1, total: 4 },
          since: '2026-03-01T14:06:00.000Z',
          record: { chunkBytes: 65536, marked: 9 },
          link: {
            connected: false,
            since: '2026-03-01T14:06:00.000Z',
            remote: '10.0.9.1:7260',
            peer: 'far',
            appended: 12,
            sent: 11,
            durable: 10,
            waitingBytes: 77,
            wireBytes: 88,
            entryBytes: 99,
            elidedBytes: 55,
            reconnects: 1,
            compression: 'none',
            roundTripMs: 12,
            clockMs: -7500,
          },
        },
      ],
    },
  ],
  notices: [],
};

/** Values by name and labels, each name with its type. */
function read(text: string): { values: Map<string, number>; types: Map<string, string> } {
  const values = new Map<string, number>();
  const types = new Map<string, string>();
  for (const line of text.split('\n')) {
    const type = /^# TYPE (\S+) (\S+)$/.exec(line);
    if (type) types.set(type[1], type[2]);
    const value = /^([a-z_]+(?:\{.*\})?) (\S+)$/.exec(line);
    if (value) values.set(value[1], Number(value[2]));
  }
  return { values, types };
}

describe('H2 metrics', () => {
  it('say what the status says, in base units', async () => {
    const { values, types } = read(await metricsText(STATUS, []));
    const mirror = 'volume="db \\"one\\"",mirror="journey://10.0.9.1:7260/db"';
    const expected: [string, number][] = [
      ['tapmirror_start_time_seconds', Date.parse(STATUS.since) / 1000],
      ['tapmirror_source_drops_total', 3],
      ['tapmirror_source_frames_total', 500],
      ['tapmirror_buffer_lbn_only', 1],
      ['tapmirror_buffer_falls_total', 2],
      ['tapmirror_volume_capacity_bytes{volume="db \\"one\\""}', 1 << 20],
      ['tapmirror_first_up{volume="db \\"one\\""}', 0],
      [`tapmirror_mirror_state{${mirror},state="repairing"}`, 1],
      [`tapmirror_mirror_state{${mirror},state="equal"}`, 0],
      [`tapmirror_mirror_recovery_point_seconds{${mirror}}`, 1.5],
      [`tapmirror_mirror_lag_changes{${mirror}}`, 4],
      [`tapmirror_mirror_behind_bytes{${mirror}}`, 4096],
      [`tapmirror_mirror_written_bytes_total{${mirror}}`, 1 << 20],
      [`tapmirror_link_connected{${mirror}}`, 0],
      [`tapmirror_link_elided_bytes_total{${mirror}}`, 55],
      [`tapmirror_link_round_trip_seconds{${mirror}}`, 0.012],
      [`tapmirror_link_clock_ahead_seconds{${mirror}}`, -7.5],
    ];
    for (const [name, value] of expected) assert.equal(values.get(name), value, name);
    for (const [name, type] of types) assert.equal(type, name.endsWith('_total') ? 'counter' : 'gauge', name);
  });

  it('say when certificates end, the one that counts, and what the last comparison found', async () => {
    const certificate = (kind: 'own' | 'authority', until: string) => ({ kind, name: 'x', from: until, until });
    const [early, late] = ['2026-02-01T00:00:00.000Z', '2027-02-01T00:00:00.000Z'];
    const certificates = [
      certificate('own', late),
      certificate('own', early),
      certificate('authority', early),
      certificate('authority', late),
    ];
    const verified = { at: early, comparedBytes: 1 << 20, differingBytes: 512, uncomparedBytes: 7 };
    const volumes = STATUS.volumes.map((one) => ({ ...one, mirrors: one.mirrors.map((m) => ({ ...m, verified })) }));
    const { values } = read(await metricsText({ ...STATUS, certificates, volumes }, []));
    const end = (kind: string) => values.get(`tapmirror_certificate_end_time_seconds{certificate="${kind}",name="x"}`);
    assert.deepEqual([end('own'), end('authority')], [Date.parse(early) / 1000, Date.parse(late) / 1000]);
    const mirror = '{volume="db \\"one\\"",mirror="journey://10.0.9.1:7260/db"}';
    assert.equal(values.get(`tapmirror_verify_time_seconds${mirror}`), Date.parse(early) / 1000);
    assert.equal(values.get(`tapmirror_verify_differing_bytes${mirror}`), 512);
  });

  it('have a histogram of latencies, cumulated as Prometheus wants it', async () => {
    const tally = new LatencyTally();
    for (const latency of [60_000, 60_000, 900_000, 30e9]) tally.record(view({ latency }));
    const { values, types } = read(await metricsText(STATUS, tally.snapshot()));
    const labels = 'host="iqn.host:a",target="iqn.target:t",lu="iqn.target:t/1",nature="read"';
    const bucket = (le: string) => values.get(`tapmirror_command_duration_seconds_bucket{${labels},le="${le}"}`);
    assert.deepEqual(
      [bucket('0.00005'), bucket('0.0001'), bucket('0.001'), bucket('10'), bucket('+Inf')],
      [0, 2, 3, 3, 4],
    );
    assert.equal(values.get(`tapmirror_command_duration_seconds_count{${labels}}`), 4);
    assert.ok(Math.abs((values.get(`tapmirror_command_duration_seconds_sum{${labels}}`) ?? 0) - 30.00102) < 1e-9);
    assert.equal(types.get('tapmirror_command_duration_seconds'), 'histogram');
    assert.equal(values.get(`tapmirror_commands_total{${labels}}`), 4);
  });

  it('of latencies are as new as what they count, also where the same reader comes again', async () => {
    const tally = new LatencyTally();
    const said = new LatencyText();
    const host = 'a"b\\c\nd';
    const [busy, idle] = [view({ host }), view({ host, lu: 'iqn.target:t/2' })];
    const count = async (lu: string): Promise<number | undefined> => {
      const { values } = read(await metricsText(STATUS, tally.snapshot(), said));
      const labels = `host="a\\"b\\\\c\\nd",target="iqn.target:t",lu="${lu}",nature="read"`;
      return values.get(`tapmirror_command_duration_seconds_count{${labels}}`);
    };
    tally.record(busy);
    tally.record(idle);
    assert.deepEqual([await count(busy.lu), await count(idle.lu)], [1, 1]);
    tally.record(busy);
    assert.deepEqual([await count(busy.lu), await count(idle.lu)], [2, 1]);
  });

  it('of many volumes and hosts keep nobody waiting: they are made in turns', async () => {
    const tally = new LatencyTally();
    for (let i = 0; i < 250; i++) tally.record(view({ host: `iqn.host:${i}` }));
    const [volume] = STATUS.volumes;
    const volumes = Array.from({ length: 200 }, (_, i) => ({ ...volume, name: `volume ${i}` }));
    let [turns, done] = [0, false];
    const turn = (): void => {
      turns++;
      if (!done) setImmediate(turn);
    };
    setImmediate(turn);
    const text = await metricsText({ ...STATUS, volumes }, tally.snapshot());
    done = true;
    assert.ok(text.length > 500_000);
    assert.ok(turns > 3, `${turns} turns of the event loop`);
  });

  it('are Prometheus text of version 0.0.4', () => {
    assert.match(METRICS_TYPE, /^text\/plain; version=0\.0\.4/);
  });

  it('tells what is served, each logical unit by target and LUN', async () => {
    const counts = { reads: 3, readBytes: 12, writes: 4, writtenBytes: 16, unmappedBytes: 5, flushes: 1 };
    const lun = { target: 'iqn.a:b', lun: 2, bytes: 1 << 20, writable: true, thin: false, dirtyBytes: 7, ...counts };
    const absent = [{ target: 'iqn.a:b', lun: 3, why: 'gone' }];
    const serve = { portals: ['10.0.0.2:3260'], connections: 2, bytes: 9, sessions: [], luns: [lun], absent };
    const text = await metricsText({ ...STATUS, serve }, []);
    const labels = '{target="iqn.a:b",lun="2"}';
    for (const line of [
      'tapmirror_serve_connections 2',
      'tapmirror_serve_absent 1',
      `tapmirror_serve_dirty_bytes${labels} 7`,
      `tapmirror_serve_written_bytes_total${labels} 16`,
      `tapmirror_serve_writable${labels} 1`,
    ]) {
      assert.ok(text.split('\n').includes(line), line);
    }
  });
});
