import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FrameDecoder } from '../../../parsers/net/decoder.ts';
import { captureFolder } from '../../repository.ts';
import { pcap } from '../parsers/capture/build.ts';
import { readFrames, readSegments, temporaryFolder } from './captureRead.ts';

const folder = captureFolder();
const path = (name: string) => join(folder, name);
const BASE = path('d24-veth-base.pcap');

/** The base capture, framed otherwise: the segments are the same. */
const REFRAMED = [
  'x-bigendian.pcap',
  'x-erspan1.pcap',
  'x-erspan2.pcap',
  'x-erspan3.pcap',
  'x-geneve.pcap',
  'x-gretap.pcap',
  'x-gz.pcap.gz',
  'x-ipfrag.pcap',
  'x-ng.pcapng',
  'x-nsec.pcap',
  'x-qinq.pcap',
  'x-rawip.pcap',
  'x-sll.pcap',
  'x-vlan.pcap',
  'x-vxlan.pcap',
];

describe('A1 real captures', () => {
  const temporary = temporaryFolder();

  for (const name of REFRAMED) {
    it(`finds the same segments in ${name} as in the base capture`, async function () {
      if (!existsSync(path(name))) this.skip(); // ../shared is absent, and the fixtures are a selection
      const expected = await readSegments(BASE);
      assert.equal(expected.length, 512);
      assert.deepEqual(await readSegments(path(name)), expected);
    });
  }

  for (const name of ['d24-veth-base.pcap', 'x-ng.pcapng', 'x-gz.pcap.gz']) {
    it(`finds the same segments in ${name} in chunks of 64 and of 1000 bytes`, async () => {
      const expected = await readSegments(BASE);
      for (const chunkBytes of [64, 1000]) assert.deepEqual(await readSegments(path(name), { chunkBytes }), expected);
    });
  }

  for (const [name, link, v6] of [
    ['d14-lo6-ipv6.pcap', 1, true],
    ['d17-any-sll.pcap', 113, false],
  ] as const) {
    it(`finds a segment in every frame of ${name}, and no gap between them`, async () => {
      const { frames, faults } = await readFrames([path(name)]);
      assert.deepEqual(faults, []);
      const d = new FrameDecoder();
      d.verifyIp = true;
      const next = new Map<number, number>();
      for (const frame of frames) {
        assert.equal(frame.link, link);
        assert.equal(d.decode(frame.data, 0, frame.data.length, frame.wire, frame.link), true);
        assert.equal(d.v6, v6);
        assert.equal(d.payloadCaptured, d.payloadLength);
        const side = d.srcPort * 65536 + d.dstPort;
        const seq = next.get(side);
        if (seq !== undefined) assert.equal(d.seq, seq);
        const synOrFin = (d.flags & 2) !== 0 || (d.flags & 1) !== 0 ? 1 : 0;
        next.set(side, (d.seq + d.payloadLength + synOrFin) >>> 0);
      }
    });
  }

  it('joins the two halves of a capture that was split', async () => {
    const whole = await readFrames([BASE]);
    assert.deepEqual(await readFrames([path('x-split-a.pcap'), path('x-split-b.pcap')]), whole);
  });

  it('joins the two directions that a full-duplex tap delivers apart', async () => {
    const { frames } = await readFrames([BASE]);
    const d = new FrameDecoder();
    const toTarget: typeof frames = [];
    const toHost: typeof frames = [];
    for (const frame of frames) {
      assert.ok(d.decode(frame.data, 0, frame.data.length, frame.wire, frame.link));
      (d.dstPort === 3260 ? toTarget : toHost).push(frame);
    }
    const files = [toTarget, toHost].map((list, i) => {
      const file = temporary(`direction-${i}.pcap`);
      const records = list.map(({ seconds, nanos, data }) => ({ seconds, fraction: nanos / 1000, data }));
      writeFileSync(file, pcap(records));
      return file;
    });
    // Where two frames of both directions have one time stamp, the first file's comes first.
    const expected = [...toTarget, ...toHost].sort((a, b) => a.seconds - b.seconds || a.nanos - b.nanos);
    for (const chunkBytes of [64, 10_000]) {
      assert.deepEqual((await readFrames(files, { chunkBytes })).frames, expected);
    }
  });

  it('uses a file that was cut up to there', async () => {
    const base = await readSegments(BASE);
    const { frames, faults } = await readFrames([path('x-cutfile.pcap')]);
    assert.deepEqual(await readSegments(path('x-cutfile.pcap')), base.slice(0, frames.length));
    assert.deepEqual(
      faults.map(({ offset, reason }) => [offset, reason]),
      [[268394, 'the file ends inside a record']],
    );
  });
});
