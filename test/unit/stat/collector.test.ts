import assert from 'node:assert/strict';
import fc from 'fast-check';
import { senseWords, statusWords } from '../../../parsers/scsi/sense.ts';
import { StatCollector } from '../../../src/stat/collector.ts';
import { START, testUnitReady, view, write } from './view.ts';

const SECOND = 1_000_000_000n;

describe('H3 statistics', () => {
  it('counts commands, bytes, rates and latencies per nature', () => {
    const collector = new StatCollector();
    collector.command(view({ latency: 1_000_000 }));
    collector.command(view({ latency: 3_000_000, at: START + SECOND, edtl: 8192, dataIn: 8192 }));
    collector.command(write({ latency: 500_000_000, at: START + SECOND + SECOND / 2n }));
    collector.command(testUnitReady({ latency: 0, at: START }));
    const { total, seconds, firstUnixSeconds } = collector.snapshot();
    assert.equal(firstUnixSeconds, 1_700_000_000);
    assert.equal(seconds, 2);
    assert.equal(total.commands, 4);
    const { read, write: written, control } = total.natures;
    assert.deepEqual([read.commands, read.bytes, read.commandsPerSecond, read.bytesPerSecond], [2, 12288, 1, 6144]);
    assert.deepEqual([written.commands, written.bytes, written.bytesPerSecond], [1, 4096, 2048]);
    assert.deepEqual([control.commands, control.bytes], [1, 0]);
    assert.deepEqual(
      [read.latencyNs?.min, read.latencyNs?.mean, read.latencyNs?.max, read.latencyNs?.p999],
      [1_000_000, 2_000_000, 3_000_000, 3_000_000],
    );
    assert.equal(written.latencyNs?.p50, 500_000_000);
    assert.deepEqual(read.sizes, [
      { fromBytes: 4096, toBytes: 8191, commands: 1 },
      { fromBytes: 8192, toBytes: 16383, commands: 1 },
    ]);
    assert.deepEqual(control.sizes, [{ fromBytes: 0, toBytes: 0, commands: 1 }]);
    assert.deepEqual(total.operations, [
      { operation: 'READ(10)', commands: 2 },
      { operation: 'WRITE(10)', commands: 1 },
      { operation: 'TEST UNIT READY', commands: 1 },
    ]);
  });

  it('tells hosts, targets, LUs, and hosts at LUs apart', () => {
    const collector = new StatCollector();
    collector.command(view({ host: 'a', target: 't', lu: 't/0' }));
    collector.command(view({ host: 'a', target: 't', lu: 't/1' }));
    collector.command(write({ host: 'b', target: 't', lu: 't/1' }));
    const { hosts, targets, lus, hostLus } = collector.snapshot();
    assert.deepEqual(
      hosts.map(({ host, commands }) => [host, commands]),
      [
        ['a', 2],
        ['b', 1],
      ],
    );
    assert.deepEqual(
      targets.map(({ target, commands }) => [target, commands]),
      [['t', 3]],
    );
    assert.deepEqual(
      lus.map(({ lu, natures }) => [lu, natures.read.commands, natures.write.commands]),
      [
        ['t/0', 1, 0],
        ['t/1', 1, 1],
      ],
    );
    assert.deepEqual(
      hostLus.map(({ host, lu, commands }) => [host, lu, commands]),
      [
        ['a', 't/0', 1],
        ['a', 't/1', 1],
        ['b', 't/1', 1],
      ],
    );
  });

  it('counts what comes after its limits together and never grows past them', () => {
    const collector = new StatCollector({ hosts: 2, targets: 1, lus: 3, hostLus: 4 });
    for (let i = 0; i < 50; i++) {
      collector.command(view({ host: `h${i}`, target: `t${i}`, lu: `t${i}/0` }));
    }
    const { hosts, targets, lus, hostLus, total } = collector.snapshot();
    assert.equal(total.commands, 50);
    assert.deepEqual(
      hosts.map(({ host, commands }) => [host, commands]),
      [
        ['h0', 1],
        ['h1', 1],
        ['(others)', 48],
      ],
    );
    assert.deepEqual(
      targets.map(({ commands }) => commands),
      [1, 49],
    );
    assert.deepEqual(
      lus.map(({ commands }) => commands),
      [1, 1, 1, 47],
    );
    assert.equal(
      hostLus.reduce((sum, { commands }) => sum + commands, 0),
      50,
    );
    assert.ok(hostLus.length <= 4 + 4);
  });

  it('counts outcomes that are not success by status and sense, in words (SAM-5 5.3.1)', () => {
    const sense = { key: 5, asc: 0x21, ascq: 0 };
    const collector = new StatCollector();
    collector.command(view({ status: 0x00 }));
    collector.command(view({ status: 0x04 }));
    collector.command(view({ status: 0x08 }));
    collector.command(view({ status: 0x02, sense }));
    collector.command(view({ status: 0x02, sense: { ...sense } }));
    const { errors, outcomes, withoutStatus } = collector.snapshot().total;
    assert.equal(errors, 3);
    assert.deepEqual(outcomes, [
      { commands: 2, status: 2, words: `${statusWords(2)}: ${senseWords(sense)}`, sense },
      { commands: 1, status: 8, words: statusWords(8), sense: null },
    ]);
    assert.equal(withoutStatus.total, 0);
  });

  it('counts commands without a status by why, and keeps them out of the latencies', () => {
    const collector = new StatCollector();
    const lost = { status: -1, latency: -1, responseFrame: 0 };
    collector.command(write({ ...lost, ending: 'aborted' }));
    collector.command(write({ ...lost, ending: 'unfinished' }));
    collector.command(write({ ...lost, ending: 'unfinished' }));
    const { total } = collector.snapshot();
    assert.deepEqual(total.withoutStatus, {
      total: 3,
      aborted: 1,
      'connection-lost': 0,
      'status-lost': 0,
      unfinished: 2,
    });
    assert.equal(total.natures.write.commands, 3);
    assert.equal(total.natures.write.latencyNs, null);
    assert.equal(total.errors, 0);
  });

  it('shows queue depth, sequentiality and hot regions of an LU with what is known of it', () => {
    const collector = new StatCollector();
    for (let i = 0; i < 10; i++) collector.command(view({ frame: i + 1, lbn: i * 8, queueDepth: (i % 4) + 1 }));
    collector.command(write({ frame: 20, lbn: 640 }));
    collector.command(write({ frame: 21, lbn: -1, blocks: -1 }));
    collector.facts({ lu: 'iqn.target:t/1', blockSize: 512, blocks: 4096, designators: ['naa.6001405'] });
    const [lu] = collector.snapshot().lus;
    assert.equal(lu.sequentialReads, 0.9);
    assert.equal(lu.sequentialWrites, 0);
    assert.equal(lu.queueDepth.max, 4);
    assert.deepEqual(lu.queueDepth.histogram[0], { fromDepth: 1, toDepth: 1, commands: 5 });
    assert.deepEqual([lu.blockSizeBytes, lu.capacityBlocks, lu.designators], [512, 4096, ['naa.6001405']]);
    assert.deepEqual(
      lu.regions.byReads.map(({ lbn, reads }) => [lbn, reads]),
      [
        [0, 8],
        [64, 2],
      ],
    );
    assert.deepEqual(
      lu.regions.byWrites.map(({ lbn, writes }) => [lbn, writes]),
      [[640, 1]],
    );
  });

  it('counts holes by direction', () => {
    const collector = new StatCollector();
    collector.hole({ stream: 0, toTarget: true, bytes: 1448, at: START });
    collector.hole({ stream: 1, toTarget: false, bytes: 10, at: START });
    collector.hole({ stream: 0, toTarget: true, bytes: 2, at: START });
    assert.deepEqual(collector.snapshot().holes, {
      toTarget: { count: 2, bytes: 1450 },
      toHost: { count: 1, bytes: 10 },
    });
  });

  it('copies what it keeps of a borrowed view', () => {
    const collector = new StatCollector();
    const borrowed = view({ status: 2, sense: { key: 3, asc: 0x11, ascq: 0 } });
    collector.command(borrowed);
    Object.assign(borrowed, { host: 'other', lu: 'other', latency: 5, status: 0, sense: undefined });
    const { hosts, total } = collector.snapshot();
    assert.deepEqual(
      hosts.map(({ host }) => host),
      ['iqn.host:a'],
    );
    assert.deepEqual(total.outcomes[0].sense, { key: 3, asc: 0x11, ascq: 0 });
  });

  it('is empty but whole without commands', () => {
    const snapshot = new StatCollector().snapshot();
    assert.deepEqual([snapshot.seconds, snapshot.firstUnixSeconds, snapshot.total.series], [0, null, null]);
    assert.equal(snapshot.total.natures.read.bytesPerSecond, null);
  });

  it('takes any view, and every group adds up to the whole in a snapshot that JSON carries', () => {
    const anyView = fc.record({
      nature: fc.constantFrom('read' as const, 'write' as const, 'control' as const),
      host: fc.constantFrom('a', 'b', 'c'),
      lu: fc.constantFrom('t/0', 't/1', 't/2'),
      at: fc.bigInt(0n, 2n ** 64n),
      latency: fc.oneof(fc.integer({ min: -1, max: 10 }), fc.maxSafeNat()),
      status: fc.integer({ min: -1, max: 255 }),
      lbn: fc.oneof(fc.constant(-1), fc.constant(-2), fc.maxSafeNat()),
      blocks: fc.oneof(fc.constant(-1), fc.nat()),
      edtl: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
      queueDepth: fc.nat(),
    });
    fc.assert(
      fc.property(fc.array(anyView, { maxLength: 40 }), (list) => {
        const collector = new StatCollector();
        for (const parts of list) collector.command(view(parts));
        const snapshot = collector.snapshot();
        for (const group of [snapshot.hosts, snapshot.targets, snapshot.lus, snapshot.hostLus]) {
          assert.equal(
            group.reduce((sum, { commands }) => sum + commands, 0),
            list.length,
          );
        }
        assert.deepEqual(JSON.parse(JSON.stringify(snapshot)), snapshot);
      }),
      { numRuns: 50 },
    );
  });
});
