import assert from 'node:assert/strict';
import { metricsText } from '../../../../src/unit/watch/metrics.ts';
import type { MirrorStatus, UnitStatus, VolumeStatus } from '../../../../src/unit/watch/status.ts';

const LU = 'iqn.2024-01.example:disk/1';
const SESSION = { host: 'h', target: 't', named: true, portal: '10.0.0.2:3260', connections: 1, volumes: [LU] };

function mirror(changes: object = {}): MirrorStatus {
  const counts = { behindBytes: 0, unresolvedBytes: 0, writtenBytes: 0, comparedBytes: 0, copiedBytes: 0 };
  const since = '2026-03-01T14:06:00.000Z';
  return { to: 'file:m.img', state: 'equal', since, record: { chunkBytes: 1, marked: 0 }, ...counts, ...changes };
}

function status(source: object, volume: Partial<VolumeStatus> = {}): UnitStatus {
  const first = { url: 'file:first.img', state: 'up' } as const;
  const counts = { blockSize: 512, blocks: 1, changes: 0, barriers: 0, openWrites: 0 };
  return {
    unit: 'u',
    version: '0.1.0',
    since: '2026-03-01T14:05:00.000Z',
    source: { kind: 'tap', text: 'tap eth1', ...source },
    buffer: { bytes: 0, freeBytes: 0, state: 'data', falls: 0 },
    volumes: [{ lu: LU, first, mirrors: [mirror()], ...counts, ...volume }],
    notices: [],
  };
}

describe('H2 metrics of what is wrong', () => {
  it('tells the drops of a tap by who lost them, and that it cannot keep up', async () => {
    const drops = { kernel: 5, interface: 1, own: 0 };
    const text = await metricsText(status({ drops, level: 'headers' }), []);
    assert.match(text, /^tapmirror_source_drops_total\{by="kernel"\} 5$/m);
    assert.match(text, /^tapmirror_source_drops_total\{by="own"\} 0$/m);
    assert.match(text, /^tapmirror_source_behind 1$/m);
  });

  it('counts sessions by volume, and writes that nobody mirrors', async () => {
    const others = [
      { lu: 'x/2', writes: 3 },
      { lu: 'x/3', writes: 4 },
    ];
    const text = await metricsText(status({ sessions: [SESSION, { ...SESSION, volumes: [] }], others }), []);
    assert.match(text, /^tapmirror_source_sessions 2$/m);
    assert.match(text, /^tapmirror_volume_sessions\{volume="iqn\.2024-01\.example:disk\/1"\} 1$/m);
    assert.match(text, /^tapmirror_source_other_writes_total 7$/m);
  });

  it('has the words of the status for each fault, and none when nothing is wrong', async () => {
    const broken = mirror({ state: 'broken', error: { message: 'm.img has "no" space' } });
    const first = { url: 'file:first.img', state: 'down', error: { message: 'nobody answers' } } as const;
    const text = await metricsText(status({}, { first, mirrors: [broken] }), []);
    assert.match(text, /^tapmirror_fault\{.*medium="file:m\.img",message="m\.img has \\"no\\" space"\} 1$/m);
    assert.match(text, /^tapmirror_fault\{.*medium="file:first\.img",message="nobody answers"\} 1$/m);
    assert.doesNotMatch(await metricsText(status({}), []), /tapmirror_fault/);
  });

  it('tells why a link is not connected, once', async () => {
    const counts = { appended: 0, sent: 0, durable: 0, waitingBytes: 0, wireBytes: 0, entryBytes: 0, reconnects: 0 };
    const link = { connected: false, lastFault: 'far is away', paused: 'far is full', ...counts };
    const error = { message: 'far is away' };
    const text = await metricsText(status({}, { mirrors: [mirror({ link, error })] }), []);
    assert.deepEqual(
      [...text.matchAll(/^tapmirror_fault\{.*message="([^"]*)"/gm)].map((match) => match[1]),
      ['far is away', 'far is full'],
    );
  });
});
