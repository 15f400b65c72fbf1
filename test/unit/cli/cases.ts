import { Writable } from 'node:stream';
import type { UnitReport, VolumeReport } from '../../../src/unit/report.ts';

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
        changes: 31,
        bytesWritten: 262144,
        lbnOnly: 0,
        first: null,
        mirrors: [{ to: 'file:second.img', state: 'equal', written: 262144, resolved: 0 }],
        ...volume,
      },
    ],
    buffer: { bytes: 33554432, dataMs: 12, lbnOnlyMs: 0, falls: 0, peakBytes: 65536, waits: 0 },
    others: [],
    notices: [],
    interrupted: false,
    elapsedMs: 120,
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
