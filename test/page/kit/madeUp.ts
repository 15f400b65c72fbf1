import type { LinkBeyond } from '../../../parsers/formats/linkBeyond.ts';
import { Extents } from '../../../src/base/extents.ts';
import type { HistoryReport } from '../../../src/unit/received/receivedVolume.ts';
import type { ServeStatus } from '../../../src/unit/serve/serve.ts';
import type { JobStatus } from '../../../src/unit/steer/jobs.ts';
import type { UnitEvent } from '../../../src/unit/watch/events.ts';
import { mapOf } from '../../../src/unit/watch/map.ts';
import { Heat } from '../../../src/unit/watch/mapHeat.ts';
import type { MirrorStatus, UnitStatus, VolumeStatus } from '../../../src/unit/watch/status.ts';
import type { WebParts } from '../../../src/unit/watch/web.ts';
import { shortHistory } from '../../../src/unit/watch/webHistory.ts';

export const BEGAN = '2026-03-04T05:06:07.000Z';
export const GIB: number = 1 << 30;

/** A mirror as a unit would tell of it. */
export function mirror(to: string, more: Partial<MirrorStatus> = {}): MirrorStatus {
  return {
    to,
    state: 'equal',
    behindBytes: 0,
    unresolvedBytes: 0,
    lag: { changes: 0, seconds: 0 },
    writtenBytes: 0,
    comparedBytes: 0,
    copiedBytes: 0,
    since: BEGAN,
    record: { chunkBytes: 65_536, marked: 0 },
    ...more,
  };
}

export function volume(lu: string, mirrors: MirrorStatus[], more: Partial<VolumeStatus> = {}): VolumeStatus {
  return {
    lu,
    blockSize: 512,
    blocks: GIB / 512,
    first: { url: `iscsi://10.0.0.2:3260/${lu}`, state: 'up' },
    changes: 0,
    barriers: 0,
    openWrites: 0,
    mirrors,
    ...more,
  };
}

export const LINK = {
  connected: true,
  since: BEGAN,
  remote: '192.0.2.7:7260',
  peer: 'unit-far.example',
  appended: 12,
  sent: 12,
  durable: 10,
  waitingBytes: 81_920,
  wireBytes: 1_000_000,
  entryBytes: 2_000_000,
  reconnects: 0,
  compression: 'zstd',
  roundTripMs: 1.25,
};

/** What the far unit has told of its own mirrors: one of them at a third. */
export const BEYOND: LinkBeyond[] = [
  { to: 'file:/var/lib/far/accounts.img', state: 'equal', behindBytes: 0 },
  {
    to: 'journey://198.51.100.9:7260/accounts',
    state: 'behind',
    behindBytes: 4096,
    peer: 'unit-third.example',
    beyond: [{ to: 'file:/var/lib/third/accounts.img', state: 'equal', behindBytes: 0 }],
  },
];

export const JOBS: JobStatus[] = [
  {
    id: '1',
    kind: 'rewind',
    volume: 'accounts',
    state: 'failed',
    since: BEGAN,
    ended: BEGAN,
    done: 10,
    total: 100,
    bytesPerSecond: 10,
    secondsLeft: null,
    why: 'the medium is full',
  },
  {
    id: '2',
    kind: 'resync',
    volume: 'iqn.2026-01.example:a/3',
    mirror: 'file:/var/lib/mirrors/web.img',
    state: 'running',
    since: BEGAN,
    done: 43 << 20,
    total: 100 << 20,
    bytesPerSecond: 1 << 20,
    secondsLeft: 57,
  },
];

const TARGET = 'iqn.2026-01.example:served';

/** Two logical units, one of which is not reached, and one host. */
export const SERVE: ServeStatus = {
  portals: ['10.0.0.1:3260'],
  connections: 2,
  bytes: 4096,
  sessions: [
    {
      target: TARGET,
      initiator: 'iqn.2026-01.example:host-a',
      alias: 'host-a',
      isid: '800000000000',
      tsih: 1,
      discovery: false,
      user: 'accounts',
      connections: [
        { peer: '10.0.0.9:40000', cid: 0, digests: 'none' },
        { peer: '10.0.0.9:40001', cid: 1, digests: 'none' },
      ],
      commands: 3,
      bytes: 4096,
    },
  ],
  luns: [
    {
      target: TARGET,
      lun: 1,
      bytes: GIB,
      writable: true,
      thin: true,
      dirtyBytes: 1 << 20,
      blocks: GIB / 512,
      tasks: 3,
      registrants: 1,
      reserved: true,
      writeCache: true,
      reads: 10,
      readBytes: 5 << 20,
      writes: 20,
      writtenBytes: 6 << 20,
      unmappedBytes: 0,
      flushes: 2,
    },
  ],
  absent: [{ target: TARGET, lun: 2, why: 'the target 10.0.0.3:3260 does not answer' }],
};

/** One of each kind of trouble, at the beginning of a list. */
export function troubled(): VolumeStatus[] {
  const full = 'the medium is full: 1048576 bytes are there, 2097152 are needed';
  const broken = {
    message: 'the target 10.0.0.3:3260 closed the connection',
    mend: 'it is asked again until it answers',
  };
  return [
    volume(
      'iqn.2026-01.example:a/0',
      [
        mirror('file:/var/lib/mirrors/accounts.img'),
        mirror('journey://192.0.2.7:7260/accounts', {
          link: { ...LINK, beyond: structuredClone(BEYOND) },
          state: 'behind',
          behindBytes: 81_920,
          lag: { changes: 2, seconds: 0.4 },
        }),
      ],
      { name: 'accounts', checkedReads: { blocks: 4096, differences: 3, unconfirmed: 1, skipped: 0 } },
    ),
    volume(
      'iqn.2026-01.example:a/1',
      [
        mirror('iscsi://10.0.0.3:3260/iqn.2026-01.example:m/1', {
          state: 'broken',
          behindBytes: 5 << 20,
          lag: { changes: 90, seconds: 61 },
          error: broken,
        }),
      ],
      { name: 'orders' },
    ),
    volume('iqn.2026-01.example:a/2', [
      mirror('file:/var/lib/mirrors/mail.img', {
        state: 'paused',
        behindBytes: 1 << 20,
        error: { message: full, mend: 'give it room' },
      }),
    ]),
    volume('iqn.2026-01.example:a/3', [
      mirror('file:/var/lib/mirrors/web.img', {
        state: 'repairing',
        behindBytes: 3 << 20,
        unresolvedBytes: 3 << 20,
        progress: { done: 43, total: 100 },
      }),
    ]),
    volume('iqn.2026-01.example:a/4', [mirror('file:/var/lib/mirrors/logs.img')], {
      first: {
        url: 'iscsi://10.0.0.2:3260/iqn.2026-01.example:a/4',
        state: 'down',
        error: { message: 'its session was lost' },
      },
    }),
    volume('received/disk', [mirror('file:/var/lib/far/disk.img'), mirror('file:/var/lib/far/copy.img')], {
      name: 'received/disk',
      first: { url: '', state: 'none' },
      received: {
        name: 'received/disk',
        bytes: GIB,
        consistent: true,
        newest: moment(90),
        history: { oldest: moment(10), newest: moment(90), bytes: 5 << 20, entries: 80, bookmarks: 2 },
        sender: {
          peer: 'unit-near.example',
          remote: '192.0.2.1:40112',
          since: BEGAN,
          receivedBytes: 5 << 20,
          waitingBytes: 0,
        },
      },
    }),
  ];
}

function moment(sequence: number) {
  return {
    at: new Date(Date.parse(BEGAN) + sequence * 1000).toISOString().replace('Z', '000000Z'),
    sequence,
    consistent: true,
  };
}

/** A unit of `count` volumes, whose figures go on at each look as under a steady load. */
export class MadeUpUnit {
  readonly volumes: VolumeStatus[];
  readonly events: UnitEvent[] = [];
  readonly orders: Record<string, unknown>[] = [];
  jobs: JobStatus[] = [];
  serve: ServeStatus | undefined;
  looks = 0;
  readonly #heat = new Heat();

  constructor(count: number) {
    const plain = Array.from({ length: Math.max(0, count - 6) }, (_, i) =>
      volume(
        `iqn.2026-01.example:b${i}/0`,
        [mirror(`file:/var/lib/mirrors/b${i}.img`), mirror(`iscsi://10.0.0.3:3260/iqn.2026-01.example:b${i}/0`)],
        { name: `disk-${String(i).padStart(3, '0')}` },
      ),
    );
    this.volumes = [...troubled(), ...plain].slice(0, count);
    this.event('info', 'state', {
      lu: 'iqn.2026-01.example:a/0',
      mirror: 'file:/var/lib/mirrors/accounts.img',
      from: 'behind',
      to: 'equal',
      why: 'nothing is known to be outstanding',
    });
    this.event('error', 'state', {
      lu: 'iqn.2026-01.example:a/1',
      mirror: 'iscsi://10.0.0.3:3260/iqn.2026-01.example:m/1',
      from: 'equal',
      to: 'broken',
      why: 'the target 10.0.0.3:3260 closed the connection',
    });
    this.event('warn', 'notice', { text: 'the queue <b>is</b> short of room' });
    for (let i = 0; i < 4000; i++) this.#heat.add(((i * i * 37) % 100_000) * 4096, 4096);
  }

  event(level: UnitEvent['level'], message: string, fields: UnitEvent['fields']): void {
    this.events.push({
      at: new Date(Date.parse(BEGAN) + this.events.length * 1000).toISOString(),
      level,
      message,
      fields,
    });
  }

  status(): UnitStatus {
    this.looks++;
    for (const [i, one] of this.volumes.entries()) {
      one.changes += 100 + ((i * 13 + this.looks * 7) % 50);
      for (const to of one.mirrors)
        if (to.state === 'equal') to.writtenBytes += 400_000 + ((i + this.looks * 31) % 9) * 50_000;
    }
    return {
      unit: '0b9d5cbe-6a0e-4d51-8a3e-3f1d7d0a4c55',
      version: '0.1.0',
      since: BEGAN,
      source: {
        kind: 'tee',
        text: 'tee 10.0.0.1:3262 -> 10.0.0.2:3260',
        connections: 3,
        accepted: 9,
        holes: 0,
        holeBytes: 0,
      },
      ...(this.serve ? { serve: this.serve } : {}),
      buffer: { bytes: 134_217_728, freeBytes: 120_000_000, state: 'data', falls: 0 },
      volumes: this.volumes,
      notices: [],
    };
  }

  parts(now: () => number): WebParts {
    return {
      status: () => this.status(),
      latencies: () => [],
      events: () => this.events,
      jobs: () => this.jobs,
      written: () => undefined,
      map: (lu) => {
        const one = this.volumes.find((found) => found.lu === lu);
        if (!one || one.received) return undefined;
        const mirrors = one.mirrors.map(({ to, unresolvedBytes }) => ({
          to,
          dirty: extents(40, 1 << 24),
          unresolved: extents(unresolvedBytes > 0 ? 3 : 0, 1 << 20),
        }));
        return mapOf({ lu, blockSize: 512, bytes: GIB, heat: this.#heat, mirrors });
      },
      history: (lu) => (lu === 'received/disk' ? shortHistory(HISTORY) : undefined),
      order: async (request) => void this.orders.push(request),
      now,
      failed: (error) => {
        throw error;
      },
    };
  }
}

function extents(count: number, step: number): Extents {
  const all = new Extents();
  for (let i = 0; i < count; i++) all.add(i * step, i * step + 65_536);
  return all;
}

const HISTORY: HistoryReport = {
  volume: 'received/disk',
  windowMs: 3_600_000,
  bytes: 5 << 20,
  entries: 80,
  oldest: moment(10),
  newest: moment(90),
  bookmarks: [
    { name: 'before the upgrade', ...moment(30) },
    { name: 'nightly', ...moment(70) },
  ],
  spans: [
    { from: moment(10), to: moment(50), consistent: true },
    { from: moment(51), to: moment(60), consistent: false },
    { from: moment(61), to: moment(90), consistent: true },
  ],
};
