import { Writable } from 'node:stream';
import type { BufferReport, MirrorReport, UnitReport, VolumeReport } from '../../../src/unit/replay/report.ts';
import type { MirrorStatus, UnitStatus, VolumeStatus } from '../../../src/unit/watch/status.ts';

/** A report of one equal mirror, with changes. */
export function report(changes: Partial<UnitReport> = {}, volume: Partial<VolumeReport> = {}): UnitReport {
  return {
    source: { files: ['bus.pcap'], frames: 512, bytes: 403472, faults: [] },
    streams: 1,
    holes: { count: 0, bytes: 0 },
    volumes: [
      {
        lu: 'iqn.2024-01.lab.example:1/1',
        blockSize: 512,
        blocks: 32768,
        unresolved: [],
        reasons: {},
        unresolvedBlocks: 0,
        changes: 31,
        doubtfulChanges: 0,
        barriers: 0,
        first: null,
        mirrors: [mirror()],
        ...volume,
      },
    ],
    buffer: buffer(),
    others: [],
    notices: [],
    interrupted: false,
    elapsedMs: 120,
    ...changes,
  };
}

export function mirror(changes: Partial<MirrorReport> = {}): MirrorReport {
  return {
    to: 'file:second.img',
    state: 'equal',
    writtenBytes: 262144,
    resolvedBytes: 0,
    unresolvedBlocks: 0,
    requests: 9,
    slowestNs: 80000,
    ...changes,
  };
}

export function buffer(changes: Partial<BufferReport> = {}): BufferReport {
  return {
    bytes: 33554432,
    threshold: 0.25,
    whenFull: 'wait',
    state: 'data',
    falls: 0,
    refusedLeases: 0,
    peakBytes: 65536,
    dataNs: 12e6,
    lbnOnlyNs: 0,
    waits: 0,
    ...changes,
  };
}

/** The status of a unit at a tee with one equal mirror, with changes. */
export function status(changes: Partial<UnitStatus> = {}, volume: Partial<VolumeStatus> = {}): UnitStatus {
  return {
    unit: '7b0a3f0e-0000-4000-8000-000000000001',
    version: '0.1.0',
    since: '2026-01-01T00:00:00.000Z',
    source: { kind: 'tee', text: 'tee 10.0.0.1:3262 -> 10.0.0.2:3260', connections: 2 },
    buffer: { bytes: 134217728, freeBytes: 134217728, state: 'data', falls: 0 },
    volumes: [
      {
        lu: 'iqn.2024-01.lab.example:1/1',
        blockSize: 512,
        blocks: 32768,
        first: { url: 'iscsi://10.0.0.2/iqn.2024-01.lab.example:1/1', state: 'up' },
        changes: 31,
        barriers: 1,
        openWrites: 0,
        mirrors: [mirrorStatus()],
        ...volume,
      },
    ],
    notices: [],
    ...changes,
  };
}

export function mirrorStatus(changes: Partial<MirrorStatus> = {}): MirrorStatus {
  return {
    to: 'file:second.img',
    state: 'equal',
    behindBytes: 0,
    unresolvedBytes: 0,
    writtenBytes: 262144,
    comparedBytes: 0,
    copiedBytes: 0,
    since: '2026-01-01T00:00:00.000Z',
    record: { chunkBytes: 65536, marked: 0 },
    ...changes,
  };
}

/** A stream that keeps what is written to it, as a terminal or as a pipe. */
export class Shown extends Writable {
  text = '';
  readonly isTTY: boolean;
  readonly columns = 100;

  constructor(isTTY = false) {
    super({ decodeStrings: false });
    this.isTTY = isTTY;
  }

  override _write(chunk: string | Uint8Array, _encoding: BufferEncoding, done: () => void): void {
    this.text += String(chunk);
    done();
  }
}
