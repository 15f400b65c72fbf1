import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { openTrace, type TraceOptions, traceKindOf } from '../../../hw/traceFile.ts';
import type { TraceKind } from '../../../src/base/samples.ts';
import { ProbeWriter } from '../../kit/probe.ts';
import { Record } from '../parsers/bus/record.ts';

const NAMES = ['BSY', 'SEL', 'CD', 'IO', 'MSG', 'REQ', 'ACK', 'ATN', 'RST'];
const VCD = `$timescale 1 ns $end
${NAMES.map((name, n) => `$var wire 1 ${n} ${name} $end`).join('\n')}
$var wire 8 # data $end
$enddefinitions $end
#0
${NAMES.map((_, n) => `0${n}`).join('\n')}
b0 #
#5
10
#9
`;
const JSON_TEXT =
  '[\n{"id": "0", "timestamp":"0x1", "data":"0x000000"},\n{"id": "1", "timestamp":"0x5", "data":"0x4000000"}\n]\n';
const SEEN: Readonly<{ [kind in TraceKind]: readonly string[] }> = {
  vcd: ['0 0 0 0', '5 1 0 0', '9 1 0 0'],
  json: ['1 0 0 0', '5 1 0 0'],
  probe: ['0 0 0 0', '50 1 0 0'],
};

function probeBytes(): Buffer {
  const writer = new ProbeWriter();
  writer.hello();
  writer.state(1, 0);
  writer.samples(5, [1, 0, 0]);
  return Buffer.from(writer.take());
}

describe('A4 trace files', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'tapmirror-trace-'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const file = (name: string, bytes: string | Uint8Array): string => {
    const path = join(folder, name);
    writeFileSync(path, bytes);
    return path;
  };

  async function readTrace(path: string, options: TraceOptions = {}) {
    const record = new Record();
    const trace = await openTrace(path, options);
    try {
      while (await trace.pump(record));
      assert.equal(await trace.pump(record), false);
      return { record, trace };
    } finally {
      await trace.close();
    }
  }

  const contents: [TraceKind, () => string | Buffer][] = [
    ['vcd', () => VCD],
    ['json', () => JSON_TEXT],
    ['probe', probeBytes],
  ];
  for (const [kind, bytes] of contents) {
    for (const [name, pack] of [
      [`a.${kind}`, (b: string | Buffer) => b],
      [`a.${kind}.gz`, (b: string | Buffer) => gzipSync(b)],
      // The name does not tell, the bytes do.
      [`${kind}-trace.bin`, (b: string | Buffer) => b],
      [`${kind}-trace`, (b: string | Buffer) => gzipSync(b)],
    ] as const) {
      it(`reads ${name} as ${kind}`, async () => {
        const path = file(name, pack(bytes()));
        assert.equal(await traceKindOf(path), kind);
        const { record, trace } = await readTrace(path);
        assert.equal(trace.kind, kind);
        assert.deepEqual(record.events, SEEN[kind]);
        assert.deepEqual(trace.faults, []);
        assert.ok(trace.total > 0);
        assert.equal(trace.position, trace.total);
      });
    }

    it(`reads ${kind} in chunks of any size`, async () => {
      const path = file(`b.${kind}`, bytes());
      for (const chunkBytes of [1, 2, 7, 64]) {
        assert.deepEqual((await readTrace(path, { chunkBytes })).record.events, SEEN[kind]);
      }
    });
  }

  it('uses a gzip that is cut as far as it goes', async () => {
    const many = `${VCD}${Array.from({ length: 3000 }, (_, n) => `#${n * 7 + 20}\n${n % 2}1\nb${n.toString(2).slice(-8)} #\n`).join('')}`;
    const packed = gzipSync(many);
    const path = file('cut.vcd.gz', packed.subarray(0, packed.length >> 1));
    const { record, trace } = await readTrace(path);
    assert.ok(record.events.length > 100);
    assert.match(trace.faults[0].reason, /gzip data ends too early/);
    assert.equal(trace.faults[0].file, path);
    assert.ok(trace.faults[0].offset > 1000);
  });

  it('says where a trace stops being one', async () => {
    const { trace } = await readTrace(file('twice.vcd', VCD + VCD));
    assert.match(trace.faults[0].reason, /second trace/);
    assert.ok(trace.faults[0].offset > VCD.length);
  });

  it('takes the names of signals, and says which are missing', async () => {
    const path = file('named.vcd', VCD.replace(' BSY ', ' busy_line '));
    await assert.rejects(readTrace(path), /named\.vcd: no signal is BSY; it has busy_line, SEL/);
    const signals = { BSY: { name: 'busy_line', active: 'high' } } as const;
    assert.deepEqual((await readTrace(path, { signals })).record.events, SEEN.vcd);
  });

  it('refuses what is no trace, with a mend', async () => {
    mkdirSync(join(folder, 'folder.vcd'));
    for (const [path, message] of [
      [join(folder, 'none.vcd'), /none\.vcd: no such file/],
      [join(folder, 'folder.vcd'), /is a directory/],
      [file('empty.vcd', ''), /is empty/],
      [file('words', 'these are only words\n'), /is no trace of a bus/],
      [file('words.vcd', 'these are only words\n'), /words\.vcd: `these`/],
      [file('words.json', 'these are only words\n'), /does not begin as a list/],
      [file('words.probe', 'these are only words\n'), /no packet of a probe/],
    ] as const) {
      await assert.rejects(readTrace(path), (error: Error & { mend?: string }) => {
        assert.match(error.message, message);
        assert.ok(error.mend !== undefined && error.mend.length > 0);
        return true;
      });
    }
  });

  it('leaves captures and what cannot be read to others', async () => {
    const pcap = Buffer.alloc(100);
    pcap.writeUInt32LE(0xa1b2c3d4);
    for (const path of [
      file('a.pcap', pcap),
      file('b.pcap.gz', gzipSync(pcap)),
      file('nothing', ''),
      join(folder, 'no'),
      folder,
      '-',
    ]) {
      assert.equal(await traceKindOf(path), undefined);
    }
  });

  it('ends quietly when it is closed in the middle', async () => {
    const trace = await openTrace(file('long.vcd', VCD), { chunkBytes: 64 });
    const record = new Record();
    assert.equal(await trace.pump(record), true);
    const waiting = trace.pump(record);
    await trace.close();
    await waiting;
    assert.equal(await trace.pump(record), false);
    assert.deepEqual(trace.faults, []);
  });
});
