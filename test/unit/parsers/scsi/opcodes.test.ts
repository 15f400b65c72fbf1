import assert from 'node:assert/strict';
import { newCdb, parseCdb } from '../../../../parsers/scsi/cdb.ts';
import type { Operation } from '../../../../parsers/scsi/opcodes.ts';
import { isVendorSpecific, operationOf, operations } from '../../../../parsers/scsi/opcodes.ts';
import { cdbOf } from './hex.ts';

/** By opcode, in rows of 16, whether a standard gives it a meaning (T10's numeric list; service action 0). */
const DEFINED = `
1101110110110001
1111111111111110
0001010011111111
1111111111111111
1111111110111110
1111111110111111
0000000000000000
0000000000000000
1111111111111111
1111010000111000
1111111110101111
1111111111111111
0000000000000000
0000000000000000
0000000000000000
0000000000000000
`.replace(/\n/g, '');

/** Service actions that a standard defines, by opcode: SPC-6, SBC-5, ZBC-2, SCC-2, SSC-5, ADC-4. */
const ACTIONS: Readonly<Record<number, string>> = {
  131: '00 01 10 11 16 1c',
  132: '00 01 03 04 05 06 07 08 16',
  148: '01 02 03 04 10',
  149: '00 06 07 08 09',
  157: '',
  158: '0f 10 11 12 13 14 15 16 17 18 19 1a',
  159: '0b 0c 0d 0e 0f 11 12 14 1f',
  163: '00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f 10 1d 1e',
  164: '00 01 02 03 04 05 06 07 0a 0b 0c 0e 0f 10 1d 1e',
  169: '1f',
  171: '01',
};

/** What may change the medium of a block device, by name, and how. */
const WRITES: Readonly<Record<string, string>> = {
  data: `WRITE(6)|WRITE(10)|WRITE(12)|WRITE(16)|WRITE(32)|WRITE AND VERIFY(10)|WRITE AND VERIFY(12)|
    WRITE AND VERIFY(16)|WRITE AND VERIFY(32)|WRITE ATOMIC(16)|WRITE ATOMIC(32)|WRITE STREAM(16)|WRITE STREAM(32)`,
  same: 'WRITE SAME(10)|WRITE SAME(16)|WRITE SAME(32)',
  unmap: 'UNMAP',
  compareWrite: 'COMPARE AND WRITE',
  scattered: 'WRITE SCATTERED(16)|WRITE SCATTERED(32)',
  or: 'ORWRITE(16)|ORWRITE(32)',
  extents: `XDWRITE(10)|XDWRITE(32)|XPWRITE(10)|XPWRITE(32)|XDWRITEREAD(10)|XDWRITEREAD(32)|
    XDWRITE EXTENDED(16)|REBUILD(16)|WRITE LONG(10)|WRITE LONG(16)|UPDATE BLOCK|ERASE(10)|ERASE(12)`,
  token: 'WRITE USING TOKEN',
  xcopy: 'EXTENDED COPY(LID1)|EXTENDED COPY(LID4)',
  reassign: 'REASSIGN BLOCKS',
  wholeLu: `COPY|COPY AND VERIFY|FORMAT UNIT|FORMAT WITH PRESET SCAN|SANITIZE|REMOVE ELEMENT AND TRUNCATE|RESTORE ELEMENTS AND REBUILD|
    REMOVE ELEMENT AND MODIFY ZONES|RESET WRITE POINTER|SEQUENTIALIZE ZONE|ZONE ACTIVATE|REBUILD(32)|
    XDWRITE EXTENDED(32)|XDWRITE EXTENDED(64)|ATA PASS-THROUGH(12)|ATA PASS-THROUGH(16)|ATA PASS-THROUGH(32)|
    SECURITY PROTOCOL OUT|ADD PERIPHERAL DEVICE/COMPONENT DEVICE|ATTACH TO COMPONENT DEVICE|EXCHANGE P_EXTENT|
    EXCHANGE PERIPHERAL DEVICE/COMPONENT DEVICE|INSTRUCT COMPONENT DEVICE|REMOVE PERIPHERAL DEVICE/COMPONENT DEVICE|
    BREAK PERIPHERAL DEVICE/COMPONENT DEVICE|REDUNDANCY GROUP (OUT)|SPARE (OUT)|VOLUME SET (OUT)`,
};

const READS = `READ(6)|READ(10)|READ(12)|READ(16)|READ(32)|VERIFY(10)|VERIFY(12)|VERIFY(16)|VERIFY(32)|READ LONG(10)|
  READ LONG(16)|READ UPDATED BLOCK(10)|SEARCH DATA HIGH(10)|SEARCH DATA EQUAL(10)|SEARCH DATA LOW(10)|
  SEARCH DATA HIGH(12)|SEARCH DATA EQUAL(12)|SEARCH DATA LOW(12)|COMPARE|REGENERATE(16)|REGENERATE(32)`;

const namesIn = (list: string): Set<string> => new Set(list.split('|').map((name) => name.trim()));
const block = operations.filter((entry) => entry.blockDevice);
const named = (name: string): Operation => {
  const found = operations.find((entry) => entry.name === name);
  assert.ok(found, name);
  return found;
};

describe('B1 every opcode has a nature', () => {
  it('knows exactly the opcodes that a standard defines, 00h to FFh', () => {
    for (let opcode = 0; opcode < 256; opcode += 1) {
      const operation = operationOf(cdbOf(opcode, 32), 0, 32);
      const hex = opcode.toString(16).toUpperCase().padStart(2, '0');
      assert.equal(operation.known, DEFINED[opcode] === '1', `${hex}h ${operation.name}`);
      if (!operation.known) assert.match(operation.name, new RegExp(`^UNKNOWN\\(${hex}h(/[0-9A-F]{2}h)?\\)$`));
    }
  });

  it('knows exactly the service actions that a standard defines', () => {
    for (const [opcode, list] of Object.entries(ACTIONS)) {
      const defined = new Set(list.split(' '));
      for (let action = 0; action < 32; action += 1) {
        const operation = operationOf(cdbOf(Number(opcode), 16, { 1: action | 0xe0 }), 0, 16);
        const text = action.toString(16).padStart(2, '0');
        assert.equal(operation.known, defined.has(text), `${Number(opcode).toString(16)}/${text}: ${operation.name}`);
      }
    }
  });

  it('knows the variable length commands of SBC (SBC-5 table of service actions) and no others near them', () => {
    for (let action = 0; action < 0x40; action += 1) {
      const cdb = cdbOf(0x7f, 64, { 7: 56, 8: 0, 9: action });
      assert.equal(operationOf(cdb, 0, 64).known, action >= 0x01 && action <= 0x12, `7Fh/${action}`);
    }
  });

  it('gives every write-natured command of a block device its effect', () => {
    for (const [effect, list] of Object.entries(WRITES)) {
      for (const name of namesIn(list)) {
        assert.equal(named(name).nature, 'write', name);
        assert.equal(named(name).effect, effect, name);
      }
    }
    const all = namesIn(Object.values(WRITES).join('|'));
    for (const entry of block) assert.equal(entry.nature === 'write', all.has(entry.name), entry.name);
  });

  it('calls reads only what reads the medium', () => {
    const reads = namesIn(READS);
    for (const entry of block) assert.equal(entry.nature === 'read', reads.has(entry.name), entry.name);
  });

  it('gives an effect to writes and to nothing else, and sync to SYNCHRONIZE CACHE alone', () => {
    for (const entry of operations) {
      assert.equal(entry.effect !== 'none', entry.nature === 'write', entry.name);
      assert.equal(entry.sync, /^SYNCHRONIZE CACHE/.test(entry.name), entry.name);
    }
  });

  it('names no opcode and service action twice', () => {
    const keys = operations.map((entry) => `${entry.opcode}/${entry.serviceAction}`);
    assert.equal(new Set(keys).size, keys.length);
  });

  it('flags what may change the format: MODE SELECT, FORMAT UNIT and depopulation', () => {
    for (const name of ['MODE SELECT(6)', 'MODE SELECT(10)', 'FORMAT UNIT', 'REMOVE ELEMENT AND TRUNCATE']) {
      assert.equal(named(name).mayChangeFormat, true, name);
    }
    assert.equal(named('WRITE(10)').mayChangeFormat, false);
  });

  it('flags what may write to LUs it was not sent to', () => {
    assert.deepEqual(
      operations.filter((entry) => entry.thirdParty && entry.serviceAction < 2).map((entry) => entry.name),
      ['COPY', 'COPY AND VERIFY', 'EXTENDED COPY(LID1)', 'EXTENDED COPY(LID4)', 'XDWRITE EXTENDED(16)'],
    );
  });

  it('leaves groups 6 and 7 to vendors (SPC-4 section 4.2.5.1)', () => {
    assert.equal(isVendorSpecific(0xbf), false);
    assert.equal(isVendorSpecific(0xc0), true);
    assert.equal(isVendorSpecific(0xff), true);
  });

  it('does not believe a CDB that is shorter than its command', () => {
    for (const entry of operations) {
      if (entry.opcode === 0x7f) continue;
      const cdb = cdbOf(entry.opcode, entry.shape.length, entry.serviceAction < 0 ? {} : { 1: entry.serviceAction });
      assert.equal(operationOf(cdb, 0, cdb.length).known, true, entry.name);
      assert.equal(operationOf(cdb, 0, cdb.length - 1).known, false, entry.name);
    }
  });

  it('does not believe a variable length CDB whose ADDITIONAL CDB LENGTH is too small (SPC-4 section 4.2.3)', () => {
    assert.equal(operationOf(cdbOf(0x7f, 32, { 7: 0x18, 9: 0x0b }), 0, 32).name, 'WRITE(32)');
    assert.equal(operationOf(cdbOf(0x7f, 32, { 7: 0x17, 9: 0x0b }), 0, 32).known, false);
  });
});

describe('B1 commands whose nature lies in what they carry', () => {
  const nature = (cdb: Uint8Array): string => operationOf(cdb, 0, cdb.length).nature;

  it('ATA PASS-THROUGH: data that comes back and commands without effect are control (SAT-4 section 12.2)', () => {
    assert.equal(nature(cdbOf(0x85, 16, { 1: 0x08, 2: 0x0e, 14: 0xec })), 'control'); // IDENTIFY DEVICE
    assert.equal(nature(cdbOf(0xa1, 12, { 1: 0x08, 2: 0x0e, 9: 0xec })), 'control');
    assert.equal(nature(cdbOf(0x85, 16, { 1: 0x06, 2: 0x20, 14: 0xe5 })), 'control'); // CHECK POWER MODE
    assert.equal(nature(cdbOf(0x85, 16, { 1: 0x06, 14: 0xea })), 'control'); // FLUSH CACHE EXT
  });

  it('ATA PASS-THROUGH: what writes, erases, trims or is unknown is a write on the whole LU', () => {
    const commands = [0x35, 0xca, 0x30, 0x06, 0x45, 0xf4, 0xb4, 0x5e, 0x9a];
    for (const command of commands) {
      assert.equal(nature(cdbOf(0x85, 16, { 1: 0x0d, 2: 0x06, 14: command })), 'write', command.toString(16));
      assert.equal(nature(cdbOf(0xa1, 12, { 1: 0x0c, 2: 0x06, 9: command })), 'write', command.toString(16));
      const long = cdbOf(0x7f, 32, { 7: 0x18, 8: '1ff0', 10: 0x0d, 11: 0x06, 25: command });
      assert.equal(nature(long), 'write', command.toString(16));
      assert.equal(operationOf(long, 0, 32).name, 'ATA PASS-THROUGH(32)');
    }
  });

  it('SECURITY PROTOCOL OUT: TCG, ATA security and vendors may erase, keys for tapes and SAs do not', () => {
    for (const protocol of [1, 2, 6, 0xee, 0xef, 0xf0]) assert.equal(nature(cdbOf(0xb5, 12, { 1: protocol })), 'write');
    for (const protocol of [0x00, 0x20, 0x40, 0x41]) assert.equal(nature(cdbOf(0xb5, 12, { 1: protocol })), 'control');
  });

  it('SANITIZE and PERSISTENT RESERVE OUT keep their name and nature for every service action', () => {
    const cdb = newCdb();
    for (let action = 0; action < 32; action += 1) {
      parseCdb(cdbOf(0x48, 10, { 1: action }), 0, 10, cdb);
      assert.deepEqual([cdb.operation.name, cdb.serviceAction], ['SANITIZE', action]);
      parseCdb(cdbOf(0x5f, 10, { 1: action }), 0, 10, cdb);
      assert.deepEqual([cdb.operation.nature, cdb.serviceAction], ['control', action]);
    }
  });
});
