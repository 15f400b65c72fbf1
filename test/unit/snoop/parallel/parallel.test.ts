import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Change } from '../../../../src/base/change.ts';
import type { CommandView } from '../../../../src/base/command.ts';
import { ACK, BSY, REQ } from '../../../../src/base/samples.ts';
import { ParallelSnoop } from '../../../../src/snoop/parallel/parallel.ts';
import { BusTraffic } from '../../../kit/busTraffic.ts';

const HOST = 7;
const DISK = 3;
const GOOD = 0;
const COMPLETE = [0x00];
const IDENTIFY = 0xc0;
const DISCONNECT = [0x04];
const SAVE_AND_DISCONNECT = [0x02, 0x04];

interface Seen {
  commands: CommandView[];
  /** `LBN+BLOCKS=first byte`, `LBN+BLOCKS?` where it is LBN-only, or `whole`. */
  changes: string[];
}

function onBus(script: (bus: BusTraffic) => void, facts: { width?: 8 | 16; timed?: boolean } = {}): Seen {
  const seen: Seen = { commands: [], changes: [] };
  const words = ({ pieces }: Change): string => {
    if (pieces === 'wholeLu') return 'whole';
    return pieces
      .map(({ offset, length, payload }) => {
        const what = Array.isArray(payload) ? `=${[...new Set(Buffer.concat(payload))].join(',')}` : '?';
        return `${offset / 512}+${length / 512}${what}`;
      })
      .join(' ');
  };
  const snoop = new ParallelSnoop({
    sink: {
      command: (view) => void seen.commands.push({ ...view }),
      change: (change) => void seen.changes.push(words(change)),
    },
    room: { take: (bytes) => ({ parts: [new Uint8Array(bytes)], bytes }), give: () => {}, full: false },
    volumes: [{ lu: `scsi:${DISK}/0`, blockSize: 512 }],
  });
  const bus = new BusTraffic(snoop, facts);
  bus.free();
  script(bus);
  snoop.finish();
  return seen;
}

const write6 = (lbn: number, blocks: number): number[] => [0x0a, lbn >> 16, (lbn >> 8) & 0xff, lbn & 0xff, blocks, 0];
const block = (byte: number, blocks = 1): Uint8Array => new Uint8Array(512 * blocks).fill(byte);

function begin(bus: BusTraffic, cdb: readonly number[], tag?: number): void {
  bus.select(HOST, DISK);
  bus.transfer('messageOut', tag === undefined ? [IDENTIFY] : [IDENTIFY, 0x20, tag]);
  bus.transfer('command', cdb);
}

function end(bus: BusTraffic, status = GOOD): void {
  bus.transfer('status', [status]);
  bus.transfer('messageIn', COMPLETE);
  bus.free();
}

function back(bus: BusTraffic, tag?: number): void {
  bus.reselect(DISK, HOST);
  bus.transfer('messageIn', tag === undefined ? [0x80] : [0x80, 0x20, tag]);
}

function away(bus: BusTraffic, messages: readonly number[] = SAVE_AND_DISCONNECT): void {
  bus.transfer('messageIn', messages);
  bus.free();
}

describe('A4 a parallel bus', () => {
  it('makes one change of a write, named by target and LUN (SPI-5 section 10)', () => {
    const { commands, changes } = onBus((bus) => {
      begin(bus, write6(5, 2));
      bus.transfer('dataOut', block(0xaa, 2));
      end(bus);
    });
    assert.deepEqual(changes, ['5+2=170']);
    assert.deepEqual(
      commands.map(({ host, target, lu, operation, lbn, status }) => ({ host, target, lu, operation, lbn, status })),
      [{ host: 'scsi:7', target: 'scsi:3', lu: 'scsi:3/0', operation: 'WRITE(6)', lbn: 5, status: 0 }],
    );
  });

  it('takes WRITE(6) of no blocks for 256 (SBC-3)', () => {
    const { changes } = onBus((bus) => {
      begin(bus, write6(0, 0));
      bus.transfer('dataOut', block(1, 256));
      end(bus);
    });
    assert.deepEqual(changes, ['0+256=1']);
  });

  it('takes the LUN from the CDB where the host never asserts ATN (SCSI-2)', () => {
    const { commands } = onBus((bus) => {
      bus.select(HOST, DISK, false);
      bus.transfer('command', [0x2a, 0x40, 0, 0, 0, 9, 0, 0, 1, 0]);
      bus.transfer('dataOut', block(1));
      end(bus);
    });
    assert.equal(commands[0].lu, 'scsi:3/2');
  });

  it('goes on after a disconnection where the pointer was saved, and sends again what was not (SPI-5)', () => {
    const { changes } = onBus((bus) => {
      begin(bus, write6(8, 3));
      bus.transfer('dataOut', block(1));
      away(bus);
      back(bus);
      bus.transfer('dataOut', block(9));
      away(bus, DISCONNECT);
      back(bus);
      bus.transfer('dataOut', block(2));
      bus.transfer('dataOut', block(3));
      end(bus);
    });
    assert.deepEqual(changes, ['8+3=1,2,3']);
  });

  it('takes the data that came after RESTORE POINTERS (SPI-5)', () => {
    const { changes } = onBus((bus) => {
      begin(bus, write6(8, 1));
      bus.transfer('dataOut', block(1).subarray(0, 300), { wrong: [299] });
      bus.transfer('messageIn', [0x03]);
      bus.transfer('dataOut', block(2));
      end(bus);
    });
    assert.deepEqual(changes, ['8+1=2']);
  });

  it('does not believe a byte with wrong parity that never came again', () => {
    const { changes } = onBus((bus) => {
      begin(bus, write6(8, 2));
      bus.transfer('dataOut', block(1, 2), { wrong: [600] });
      end(bus);
    });
    assert.deepEqual(changes, ['8+1=1 9+1?']);
  });

  it('tells tagged commands apart, and does not trust their order on common blocks', () => {
    const { changes } = onBus((bus) => {
      begin(bus, write6(8, 1), 1);
      away(bus, DISCONNECT);
      begin(bus, write6(20, 1), 2);
      away(bus, DISCONNECT);
      begin(bus, write6(20, 1), 3);
      away(bus, DISCONNECT);
      for (const tag of [3, 1, 2]) {
        back(bus, tag);
        bus.transfer('dataOut', block(tag));
        end(bus);
      }
    });
    assert.deepEqual(changes, ['20+1?', '8+1=1', '20+1?']);
  });

  it('follows linked commands in one connection (SCSI-2)', () => {
    const { changes, commands } = onBus((bus) => {
      begin(bus, write6(1, 1));
      bus.transfer('dataOut', block(1));
      bus.transfer('status', [0x10]);
      bus.transfer('messageIn', [0x0a]);
      bus.transfer('command', write6(2, 1));
      bus.transfer('dataOut', block(2));
      end(bus);
    });
    assert.deepEqual(changes, ['1+1=1', '2+1=2']);
    assert.deepEqual(
      commands.map(({ status }) => status),
      [0x10, 0],
    );
  });

  for (const [name, status] of [
    ['BUSY', 0x08],
    ['RESERVATION CONFLICT', 0x18],
    ['QUEUE FULL', 0x28],
  ] as const) {
    it(`changes nothing on ${name}`, () => {
      const { changes } = onBus((bus) => {
        begin(bus, write6(1, 1));
        end(bus, status);
      });
      assert.deepEqual(changes, []);
    });
  }

  it('doubts the blocks of which data was sent where CHECK CONDITION came, and shows its sense (SPC-2)', () => {
    const { changes, commands } = onBus((bus) => {
      begin(bus, write6(30, 8));
      bus.transfer('dataOut', block(1, 3));
      end(bus, 0x02);
      begin(bus, [0x03, 0, 0, 0, 18, 0]);
      bus.transfer('dataIn', [0x70, 0, 3, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x0c, 0, 0, 0, 0, 0]);
      end(bus);
    });
    assert.deepEqual(changes, ['30+3?']);
    assert.deepEqual(commands[0].sense, { key: 3, asc: 0x0c, ascq: 0 });
  });

  it('doubts nothing where CHECK CONDITION came before any data', () => {
    const { changes } = onBus((bus) => {
      begin(bus, write6(30, 8));
      end(bus, 0x02);
    });
    assert.deepEqual(changes, []);
  });

  it('ends what ABORT TAG, BUS DEVICE RESET and RST end (SPI-5)', () => {
    const killed = (kill: (bus: BusTraffic) => void): string[] =>
      onBus((bus) => {
        begin(bus, write6(40, 4), 5);
        bus.transfer('dataOut', block(1, 2));
        away(bus);
        kill(bus);
      }).changes;
    const message = (bytes: readonly number[]) => (bus: BusTraffic) => {
      bus.select(HOST, DISK);
      bus.transfer('messageOut', bytes);
      bus.free();
    };
    assert.deepEqual(killed(message([IDENTIFY, 0x20, 5, 0x0d])), ['40+2?']);
    assert.deepEqual(killed(message([0x0c])), ['40+2?']);
    assert.deepEqual(
      killed((bus) => bus.reset()),
      ['40+2?'],
    );
  });

  it('reads a synchronous, wide transfer after WDTR and SDTR (SPI-5 sections 16.3.16 and 16.3.19)', () => {
    const { changes } = onBus(
      (bus) => {
        bus.select(HOST, DISK);
        bus.transfer('messageOut', [IDENTIFY, 1, 2, 3, 1], { atn: true });
        bus.transfer('messageIn', [1, 2, 3, 1]);
        bus.transfer('messageOut', [1, 3, 1, 25, 8]);
        bus.transfer('messageIn', [1, 3, 1, 25, 8]);
        bus.transfer('command', write6(5, 2));
        bus.transfer('dataOut', block(7, 2), { wide: true, offset: 8 });
        end(bus);
      },
      { width: 16, timed: true },
    );
    assert.deepEqual(changes, ['5+2=7']);
  });

  it('takes a dip of BSY in a connection for what it is (wired-OR, SPI-5 section 8.4)', () => {
    for (const timed of [false, true]) {
      const { changes } = onBus(
        (bus) => {
          begin(bus, write6(8, 1));
          bus.transfer('dataOut', block(4).subarray(0, 100));
          bus.lines(0, 0, 50);
          bus.lines(BSY, 0, 50);
          bus.transfer('dataOut', block(4).subarray(100));
          end(bus);
        },
        { timed },
      );
      assert.deepEqual(changes, ['8+1=4']);
    }
  });

  it('doubts only the lost blocks where a hole lies within data that goes on', () => {
    const { changes } = onBus(
      (bus) => {
        begin(bus, write6(8, 4));
        bus.transfer('dataOut', block(4, 2).subarray(0, 600));
        // 50 bytes are lost, which take all of the hole.
        bus.hole(50 * 500);
        bus.transfer('dataOut', block(4, 4).subarray(650));
        end(bus);
      },
      { timed: true },
    );
    assert.deepEqual(changes, ['8+1=4 10+2=4 9+1?']);
  });

  it('doubts the whole LU where a hole could hide a command', () => {
    const { changes } = onBus((bus) => bus.hole(1e6), { timed: true });
    assert.deepEqual(changes, ['whole']);
  });

  for (const [what, comes] of [
    ['gives a write up whose end a hole hid right behind its command', false],
    ['waits for a write that may have left the bus in a hole right behind its command', true],
  ] as const) {
    it(what, () => {
      const ends: string[] = [];
      const snoop = new ParallelSnoop({
        sink: { command: ({ ending }) => void ends.push(ending) },
        volumes: [{ lu: `scsi:${DISK}/0`, blockSize: 512 }],
        settleMs: 1000,
      });
      const open = (): number | undefined => snoop.outstanding(`scsi:${DISK}/0`)?.tasks;
      const bus = new BusTraffic(snoop, { timed: true });
      bus.free();
      begin(bus, write6(8, 4), 1);
      bus.hole(5e9);
      bus.free();
      bus.lines(0, 0, 9e8);
      assert.equal(open(), 1);
      if (comes) {
        back(bus, 1);
        bus.transfer('dataOut', block(4, 4));
        end(bus);
      }
      bus.lines(0, 0, 2e8);
      bus.lines(0, 1, 2e8);
      assert.equal(open(), 0);
      assert.deepEqual(ends, [comes ? 'status' : 'status-lost']);
    });
  }

  it('doubts the whole LU where the trace begins in the middle of a write', () => {
    const changes: string[] = [];
    const snoop = new ParallelSnoop({
      sink: { change: ({ pieces }) => void changes.push(pieces === 'wholeLu' ? 'whole' : 'some') },
      volumes: [{ lu: 'scsi:3/0', blockSize: 512 }],
    });
    const bus = new BusTraffic(snoop);
    bus.lines(BSY | REQ | ACK, 5);
    bus.transfer('dataOut', block(1));
    end(bus);
    snoop.finish();
    assert.deepEqual(changes, ['whole']);
  });

  it('has the same blocks however a write is cut into connections', () => {
    const cuts = fc.array(fc.record({ bytes: fc.integer({ min: 1, max: 700 }), saved: fc.boolean() }), {
      maxLength: 6,
    });
    fc.assert(
      fc.property(cuts, fc.boolean(), (parts, tagged) => {
        const data = Uint8Array.from({ length: 2048 }, (_, i) => (i >> 9) + 1);
        const tag = tagged ? 9 : undefined;
        const { changes } = onBus((bus) => {
          begin(bus, write6(3, 4), tag);
          let at = 0;
          for (const { bytes, saved } of parts) {
            const to = Math.min(data.length, at + bytes);
            bus.transfer('dataOut', data.subarray(at, to));
            away(bus, saved ? SAVE_AND_DISCONNECT : DISCONNECT);
            if (saved) at = to;
            back(bus, tag);
          }
          bus.transfer('dataOut', data.subarray(at));
          end(bus);
        });
        assert.deepEqual(changes, ['3+4=1,2,3,4']);
      }),
      { numRuns: 40 },
    );
  });
});
