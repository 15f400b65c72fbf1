import assert from 'node:assert/strict';
import { DemandCollector } from '../../../src/stat/demand.ts';
import { START, testUnitReady, view, write } from './view.ts';

const SECOND = 1_000_000_000n;

describe('H3 what mirroring a bus would need', () => {
  it('counts what hosts wrote, by LU and in all, and where', () => {
    const collector = new DemandCollector({ recoverySeconds: [1] });
    collector.command(view());
    collector.command(testUnitReady());
    collector.command(write({ at: START + SECOND, lbn: 0 }));
    collector.command(write({ at: START + 2n * SECOND, lbn: 100 }));
    collector.command(write({ at: START + 3n * SECOND, lbn: 1000, lu: 'iqn.target:t/2' }));
    collector.facts({ lu: 'iqn.target:t/1', blockSize: 512, blocks: 2048, designators: [] });
    const { total, lus, seconds } = collector.report();
    assert.ok(Math.abs(seconds - 3.001) < 1e-6);
    assert.deepEqual([total.writes, total.bytes, total.doubtful], [3, 3 * 4096, 0]);
    // LBN 0 and 100 lie in one chunk of 64 KiB, LBN 1000 in another.
    assert.deepEqual(total.writtenTo, { bytes: 2 * 65_536, atLeast: false });
    assert.deepEqual(
      lus.map(({ lu, writes, capacityBlocks }) => [lu, writes, capacityBlocks]),
      [
        ['iqn.target:t/1', 2, 2048],
        ['iqn.target:t/2', 1, 0],
      ],
    );
  });

  it('asks a link for the mean at least, and for bursts as far as the recovery point demands', () => {
    const collector = new DemandCollector({ recoverySeconds: [1, 1000] });
    collector.command(testUnitReady({ at: START }));
    for (let i = 0; i < 100; i++) {
      collector.command(write({ at: START + 10n * SECOND, latency: 0, lbn: i * 8, blocks: 200, dataOut: 100_000 }));
    }
    collector.command(testUnitReady({ at: START + 100n * SECOND, latency: 0 }));
    const [soon, late] = collector.report().total.links;
    const bytes = 100 * 100_128;
    // All of it came at once: a second later it must be there.
    assert.ok(Math.abs(soon.bytesPerSecond / bytes - 1) < 0.01);
    assert.equal(soon.waitingBytes, bytes);
    assert.ok(Math.abs(late.bytesPerSecond / (bytes / 100) - 1) < 0.01);
  });

  it('names commands that must be read back, and those that no standard has', () => {
    const collector = new DemandCollector({ recoverySeconds: [] });
    collector.command(write({ operation: 'WRITE LONG(10)', opcode: 0x3f, blocks: 1 }));
    collector.command(write({ operation: 'EXTENDED COPY(LID1)', opcode: 0x83, lbn: -1, blocks: -1 }));
    collector.command(view({ operation: 'UNKNOWN(C1h)', opcode: 0xc1, nature: 'control', dataOut: 512, lbn: -1 }));
    collector.command(view({ operation: 'UNKNOWN(C2h)', opcode: 0xc2, nature: 'control', dataOut: 0, lbn: -1 }));
    collector.command(write({ status: 2 }));
    const { total } = collector.report();
    assert.deepEqual(
      total.readBack.map(({ operation, bytes }) => [operation, bytes]),
      [
        ['WRITE LONG(10)', 512],
        ['EXTENDED COPY(LID1)', 0],
      ],
    );
    assert.deepEqual(total.unknown, [{ operation: 'UNKNOWN(C1h)', commands: 1 }]);
    assert.equal(total.doubtful, 1);
  });

  it('knows the flushes, which are no writes', () => {
    const collector = new DemandCollector({ recoverySeconds: [1] });
    collector.command(testUnitReady({ operation: 'SYNCHRONIZE CACHE(10)', opcode: 0x35 }));
    const { total } = collector.report();
    assert.deepEqual([total.flushes, total.writes, total.links[0].bytesPerSecond], [1, 0, 0]);
  });
});
