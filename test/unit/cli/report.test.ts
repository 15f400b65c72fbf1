import assert from 'node:assert/strict';
import { renderReport } from '../../../src/cli/report.ts';
import { buffer, mirror, report } from './cases.ts';

const PLAIN = { width: 100, tty: false, colour: false, unicode: false };

describe('H2 the readable report', () => {
  it('says where each mirror stands', () => {
    assert.equal(
      renderReport(report(), PLAIN),
      `bus.pcap: 512 frames, 394 KiB, 1 connection, in 120 ms
Buffer: 32 MiB, at most 64 KiB used

iqn.2024-01.lab.example:1/1
  16 MiB, blocks of 512 B; 31 changes
  MIRROR           STATE  WRITTEN  READ BACK
  file:second.img  equal  256 KiB        0 B
  unresolved: none

Every mirror equals its volume, as far as the capture tells.
`,
    );
  });

  it('abbreviates unresolved ranges, gives the reasons, and says what to do', () => {
    const unresolved = Array.from({ length: 20 }, (_, i): [number, number] => [i * 10, i === 0 ? 1 : 8]);
    const text = renderReport(report({}, { unresolved, reasons: { hole: 145, 'lost-status': 8 } }), PLAIN);
    assert.match(
      text,
      /unresolved: 153 blocks \(76\.5 KiB\) in 20 ranges\n {4}LBN 0, 10-17, 20-27, .*, 70-77, 12 more \(--json lists all\)\n/,
    );
    assert.match(
      text,
      /145 blocks: bytes of the data are not in the capture\n {4}8 blocks: the status is not in the capture\n/,
    );
    assert.match(text, /Name the first volume/);
    assert.doesNotMatch(text, /Every mirror equals/);
  });

  it('names what is broken, missing, stopped or not configured', () => {
    const text = renderReport(
      report(
        {
          source: {
            files: ['a', 'b'],
            frames: 1,
            bytes: 2048,
            faults: [{ file: 'b', offset: 99, reason: 'ends inside a record' }],
          },
          holes: { count: 1, bytes: 1448 },
          buffer: buffer({ bytes: 65536, lbnOnlyNs: 7e6, falls: 2, waits: 1 }),
          others: [{ lu: 'iqn.x:1/2', changes: 1, bytesWritten: 512 }],
          notices: ['an unknown command \u001b[31m'],
          interrupted: true,
        },
        {
          blockSize: null,
          blocks: null,
          first: 'file:first.img',
          doubtfulChanges: 3,
          unresolved: [[0, 2]],
          mirrors: [
            mirror({ to: 'file:m', state: 'broken', error: { message: 'the disk is full', mend: 'make room' } }),
          ],
        },
      ),
      PLAIN,
    );
    for (const wanted of [
      '2 sources: 1 frame, 2 KiB, 1 connection',
      'b: ends inside a record at byte 99; used up to there',
      'Missing from the capture: 1.4 KiB in 1 hole',
      'short of room 2 times (7.00 ms with LBNs only), the source waited once',
      'size unknown, block size unknown; 31 changes, 3 of them in doubt',
      'file:m: the disk is full; make room',
      'iqn.x:1/2: 1 change, 512 B',
      'an unknown command \\x1b[31m',
      'Stopped before the end',
      '1 mirror could not be kept up',
      'could not be read back from the first volume',
    ]) {
      assert.ok(text.includes(wanted), `${wanted}\nis not in\n${text}`);
    }
  });

  it('colours a terminal only', () => {
    assert.ok(renderReport(report(), { ...PLAIN, colour: true }).includes('\u001b[1m'));
    assert.ok(!renderReport(report(), PLAIN).includes('\u001b'));
  });
});
