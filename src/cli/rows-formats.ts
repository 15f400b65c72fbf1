import { senseWords, statusWords } from '../../parsers/scsi/sense.ts';
import { plain, secondsWords, timeWords } from './draw-words.ts';
import { lbnWords, type Row, type RowWriter } from './rows.ts';

type Cell = (row: Row) => string;

/** Column names and cells of `decode --tsv`; absent values are empty. The first eleven are what other tools rely on. */
const TSV: readonly (readonly [name: string, cell: Cell])[] = [
  ['frame', (row) => String(row.frame)],
  ['stream', (row) => String(row.stream)],
  ['itt', (row) => ittWords(row.itt)],
  ['lun', (row) => String(row.lun)],
  ['opcode', (row) => opcodeWords(row.opcode)],
  ['lbn', (row) => lbnWords(row) ?? ''],
  ['blocks', (row) => known(row.blocks)],
  ['status', (row) => known(row.status)],
  ['dir', (row) => row.direction],
  ['edtl', (row) => String(row.edtl)],
  ['response_frame', (row) => (row.responseFrame > 0 ? String(row.responseFrame) : '')],
  ['time', (row) => secondsWords(row.at)],
  ['host', (row) => plain(row.host)],
  ['target', (row) => plain(row.target)],
  ['lu', (row) => plain(row.lu)],
  ['operation', (row) => row.operation],
  ['nature', (row) => row.nature],
  ['block_size', (row) => (row.blockSize > 0 ? String(row.blockSize) : '')],
  ['data_in', (row) => String(row.dataIn)],
  ['data_out', (row) => String(row.dataOut)],
  ['latency_us', (row) => (row.latency >= 0 ? (row.latency / 1000).toFixed(3) : '')],
  ['sense_key', (row) => (row.sense === undefined ? '' : row.sense.key.toString(16))],
  ['asc', (row) => (row.sense === undefined ? '' : hexByte(row.sense.asc))],
  ['ascq', (row) => (row.sense === undefined ? '' : hexByte(row.sense.ascq))],
  ['ending', (row) => row.ending],
  ['queue_depth', (row) => String(row.queueDepth)],
  ['words', outcomeWords],
];

/** Tab-separated values with a header row. */
export function tsvWriter(emit: (text: string) => void): RowWriter {
  emit(`${TSV.map(([name]) => name).join('\t')}\n`);
  return {
    row(row) {
      let line = '';
      for (const [, cell] of TSV) line += line === '' ? cell(row) : `\t${cell(row)}`;
      emit(`${line}\n`);
    },
    end() {},
  };
}

/** JSON Lines: one object per command, units in the names, null for what is absent. */
export function jsonWriter(emit: (text: string) => void): RowWriter {
  return {
    row(row) {
      emit(`${JSON.stringify(jsonOf(row))}\n`);
    },
    end() {},
  };
}

function jsonOf(row: Row): Record<string, unknown> {
  return {
    frame: row.frame,
    responseFrame: row.responseFrame > 0 ? row.responseFrame : null,
    stream: row.stream,
    time: timeWords(row.at),
    latencyNs: row.latency >= 0 ? row.latency : null,
    host: row.host,
    target: row.target,
    lu: row.lu,
    lun: row.lun,
    itt: row.itt,
    opcode: opcodeWords(row.opcode),
    operation: row.operation,
    nature: row.nature,
    // JSON numbers stay exact: an LBN above 2^53-1 is given as text.
    lbn: row.lbnExact !== undefined ? String(row.lbnExact) : row.lbn >= 0 ? row.lbn : null,
    blocks: row.blocks >= 0 ? row.blocks : null,
    blockSizeBytes: row.blockSize > 0 ? row.blockSize : null,
    edtlBytes: row.edtl,
    dataInBytes: row.dataIn,
    dataOutBytes: row.dataOut,
    direction: row.direction,
    status: row.status >= 0 ? row.status : null,
    sense: row.sense ?? null,
    ending: row.ending,
    outcome: outcomeWords(row),
    queueDepth: row.queueDepth,
  };
}

const ENDINGS: Record<Row['ending'], string> = {
  status: 'status not seen',
  aborted: 'aborted',
  'connection-lost': 'connection lost',
  'status-lost': 'status lost',
  unfinished: 'unfinished',
};

/** The status with its sense in words, or why there is none. */
export function outcomeWords(row: Row): string {
  if (row.status < 0) return ENDINGS[row.ending];
  const words = statusWords(row.status);
  return row.sense === undefined ? words : `${words}: ${senseWords(row.sense)}`;
}

export function ittWords(itt: number): string {
  return `0x${(itt >>> 0).toString(16).padStart(8, '0')}`;
}

export function opcodeWords(opcode: number): string {
  return hexByte(opcode);
}

function known(value: number): string {
  return value >= 0 ? String(value) : '';
}

function hexByte(value: number): string {
  return value.toString(16).padStart(2, '0');
}
