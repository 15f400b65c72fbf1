import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { ControlServer } from '../../../hw/controlServer.ts';
import { NoAnswer } from '../../../hw/controlWire.ts';
import { Fault } from '../../../src/base/fault.ts';
import { ageWords, drawStatus } from '../../../src/cli/draw-status.ts';
import { exitOfError, exitOfStatus, UsageFault } from '../../../src/cli/errors.ts';
import { runStatus, type StatusOptions } from '../../../src/cli/status.ts';
import { readStatus } from '../../../src/cli/status-read.ts';
import { ConfigFault } from '../../../src/unit/config/configFault.ts';
import { mirrorStatus, Shown, status } from './cases.ts';

const PLAIN = { width: 100, tty: false, colour: false, unicode: false };
const NOW = Date.parse('2026-01-01T02:05:00.000Z');

let folder: string;
let control: string;
let server: ControlServer;
let answer: unknown;

async function run(options: StatusOptions): Promise<{ code: number; out: string }> {
  const stdout = new Shown();
  const code = await runStatus(options, { stdout, env: {}, nowMs: () => NOW });
  return { code, out: stdout.text };
}

describe('H1 tapmirror status', () => {
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tapmirror-status-'));
    control = join(folder, 'control.sock');
    server = await ControlServer.open({
      path: control,
      answer: () => answer,
      failed: (error) => assert.fail(String(error)),
    });
  });
  beforeEach(() => {
    answer = status();
  });
  after(async () => {
    await server.close();
    await rm(folder, { recursive: true });
  });

  it('prints what the unit answers as one JSON object, and nothing else', async () => {
    const { code, out } = await run({ control, json: true });
    assert.deepEqual(JSON.parse(out), status());
    assert.equal(out.split('\n').length, 2);
    assert.equal(code, 0);
  });

  it('finds the control socket in a configuration, whatever else is wrong with it', async () => {
    const config = join(folder, 'unit.yaml');
    await writeFile(config, 'state: .\nvolumes: []\n');
    assert.equal((await run({ config })).code, 0);
    await writeFile(config, 'volumes: []\n');
    await assert.rejects(run({ config }), ConfigFault);
  });

  it('asks for one of the two', async () => {
    await assert.rejects(run({}), UsageFault);
    await assert.rejects(run({ control, config: 'x' }), UsageFault);
  });

  it('exits 3 for a mirror that somebody must look after, 0 for all others, 4 without an answer', async () => {
    const all = { equal: 0, behind: 0, copying: 0, repairing: 0, paused: 3, broken: 3 } as const;
    for (const [state, wanted] of Object.entries(all) as [keyof typeof all, number][]) {
      answer = status({}, { mirrors: [mirrorStatus(), mirrorStatus({ state })] });
      assert.equal((await run({ control, json: true })).code, wanted, state);
      assert.equal(exitOfStatus(answer as ReturnType<typeof status>), wanted);
    }
    await assert.rejects(run({ control: join(folder, 'none.sock') }), NoAnswer);
    assert.equal(exitOfError(new NoAnswer('a', 'b')), 4);
  });

  it('D1 draws a link below its mirror, and where the volume of a link comes from', () => {
    const link = {
      connected: true,
      since: '2026-01-01T02:00:00.000Z',
      remote: '10.0.9.1:7260',
      peer: 'site-b',
      appended: 9,
      sent: 9,
      durable: 7,
      waitingBytes: 8192,
      wireBytes: 100,
      entryBytes: 200,
      elidedBytes: 12_288,
      reconnects: 1,
      compression: 'none',
      roundTripMs: 12.34,
    };
    const to = 'journey://10.0.9.1:7260/database';
    const near = status({}, { mirrors: [mirrorStatus({ to, link })] });
    assert.deepEqual(readStatus(near), near);
    const words =
      '    link to site-b at 10.0.9.1:7260 for 5 min; 8 KiB on the way; round trip 12.3 ms; 12 KiB written over before they were sent; made anew once';
    assert.ok(drawStatus(near, PLAIN, NOW).split('\n').includes(words));
    const third = { to: 'file:/third.img', state: 'broken', behindBytes: 4096, why: 'no space left' };
    const beyond = [
      { to: 'file:/far.img', state: 'equal', behindBytes: 0 },
      { to: 'journey://10.0.8.1:7260/db', state: 'equal', behindBytes: 0, peer: 'site-c', beyond: [third] },
    ];
    const whole = status({}, { mirrors: [mirrorStatus({ to, link: { ...link, beyond } })] });
    assert.deepEqual(readStatus(whole), whole);
    assert.match(
      drawStatus(whole, PLAIN, NOW),
      /\n {6}there file:\/far\.img: equal\n {6}there journey:\/\/10\.0\.8\.1:7260\/db at site-c: equal\n {8}there file:\/third\.img: broken, 4 KiB behind: no space left\n/,
    );
    const broken = { ...link, connected: false, lastFault: 'nobody answers', paused: 'the disk is full' };
    const table = { currentBytes: 3 << 20, bytes: 4 << 20 };
    const half = readStatus(status({}, { mirrors: [mirrorStatus({ to, blockTable: table })] }));
    assert.deepEqual(half.volumes[0].mirrors[0].blockTable, table);
    assert.match(drawStatus(half, PLAIN, NOW), /\n {4}block table: 75% known\n/);
    const drawn = drawStatus(status({}, { mirrors: [mirrorStatus({ to, link: broken })] }), PLAIN, NOW);
    assert.match(drawn, /no link for 5 min: nobody answers; the far end waits: the disk is full; 8 KiB on the way/);

    const moment = { at: '2026-01-01T02:00:00.123456789Z', sequence: 5, consistent: true };
    const received = {
      name: 'database',
      bytes: 16 << 20,
      consistent: true,
      newest: moment,
      history: { oldest: { ...moment, at: null, sequence: 0 }, newest: moment, bytes: 4096, entries: 5, bookmarks: 1 },
      sender: { peer: 'site-a', remote: '10.0.0.1:40000', since: link.since, receivedBytes: 9, waitingBytes: 0 },
    };
    const far = status(
      { source: { kind: 'links', text: 'links at 10.0.9.1:7260' }, receive: { text: 'links at 10.0.9.1:7260' } },
      { lu: 'database', name: 'database', received },
    );
    assert.deepEqual(readStatus(far), far);
    assert.deepEqual(drawStatus(far, PLAIN, NOW).split('\n').slice(0, 6), [
      'links at 10.0.9.1:7260, up 2 h 5 min',
      'unit 7b0a3f0e-0000-4000-8000-000000000001, version 0.1.0',
      '',
      'database',
      '  16 MiB; from site-a at 10.0.0.1:40000 for 5 min; consistent',
      '  past from the beginning to 2026-01-01T02:00:00Z, 4 KiB, 1 bookmark',
    ]);
    const alone = { ...received, consistent: false, history: null, sender: null, newest: null };
    assert.match(
      drawStatus(status({}, { received: alone }), PLAIN, NOW),
      /16 MiB; no sender is connected; not consistent yet\n {2}no past is kept/,
    );
  });

  it('names certificates that are soon over, and what the last comparison found', () => {
    const certificate = (kind: 'own' | 'authority', name: string, until: string) => {
      return { kind, name, from: '2025-01-01T00:00:00.000Z', until };
    };
    const verified = { at: '2026-01-01T02:00:00.000Z', comparedBytes: 1 << 24, differingBytes: 0, uncomparedBytes: 0 };
    const all = status(
      {
        certificates: [
          certificate('own', 'near', '2026-01-20T00:00:00.000Z'),
          certificate('authority', 'ours', '2026-01-05T00:00:00.000Z'),
          certificate('authority', 'old', '2025-12-31T00:00:00.000Z'),
          certificate('authority', 'next', '2027-01-01T00:00:00.000Z'),
        ],
      },
      { mirrors: [mirrorStatus({ verified }), mirrorStatus({ verified: { ...verified, differingBytes: 4096 } })] },
    );
    assert.deepEqual(readStatus(all), all);
    const lines = drawStatus(all, PLAIN, NOW).split('\n');
    assert.deepEqual(
      lines.filter((line) => /certificate|compared/.test(line)),
      [
        'own certificate near ends on 2026-01-20: make a new one',
        'certificate of the authority ours ends within a week, on 2026-01-05: make a new one',
        'certificate of the authority old has ended: no link can be made',
        '    compared 5 min ago: nothing differed of 16 MiB',
        '    compared 5 min ago: 4 KiB differed of 16 MiB',
      ],
    );
  });

  it('draws a row for each mirror', () => {
    assert.equal(
      drawStatus(status(), PLAIN, NOW),
      `tee 10.0.0.1:3262 -> 10.0.0.2:3260, up 2 h 5 min
unit 7b0a3f0e-0000-4000-8000-000000000001, version 0.1.0
buffer 128 MiB, 100% free

iqn.2024-01.lab.example:1/1
  16 MiB, blocks of 512 B; first volume up; 31 changes
  MIRROR           STATE  BEHIND  PROGRESS      SINCE
  file:second.img  equal     0 B            2 h 5 min

Every mirror equals its volume.
`,
    );
  });

  it('puts what is wrong below its row, with the mend, and says what to do', () => {
    const error = { message: 'second.img has no space left', mend: 'free some space there' };
    const mirrors = [
      mirrorStatus({ state: 'broken', behindBytes: 3 << 20, error, since: '2026-01-01T02:04:48.000Z' }),
      mirrorStatus({ to: 'iscsi://h/t/1', state: 'copying', behindBytes: 1 << 20, progress: { done: 1, total: 4 } }),
    ];
    const first = { url: 'iscsi://h/x/1', state: 'down' as const, error: { message: 'h:3260 refused the connection' } };
    const lines = drawStatus(
      status(
        {
          buffer: { bytes: 1 << 20, freeBytes: 1 << 18, state: 'lbnOnly', falls: 2 },
          notices: ['the tap lost 3 packets \u001b[2J'],
        },
        { name: 'db', first, mirrors, openWrites: 1, blockSize: null, blocks: null },
      ),
      PLAIN,
      NOW,
    ).split('\n');
    const at = (wanted: RegExp): number => {
      const index = lines.findIndex((line) => wanted.test(line));
      assert.ok(index >= 0, `${wanted} in\n${lines.join('\n')}`);
      return index;
    };
    at(/^buffer 1 MiB, 25% free; short of room: changes are kept by their LBNs/);
    at(/^db: iqn\.2024/);
    at(/size unknown, block size unknown; first volume down; 31 changes; 1 write under way/);
    at(/^ {4}first volume iscsi:\/\/h\/x\/1: h:3260 refused the connection$/);
    const row = at(/^ {2}file:second\.img +broken +3 MiB +12 s$/);
    assert.equal(lines[row + 1], '    second.img has no space left; free some space there');
    assert.match(lines[row + 2], /^ {2}iscsi:\/\/h\/t\/1 +copying +1 MiB +25% of 4 B +2 h 5 min$/);
    at(/^ {2}the tap lost 3 packets \\x1b\[2J$/);
    at(/^1 mirror is not kept up\. Mend the cause named above/);
  });

  it('says that nothing needs to be done while mirrors catch up', () => {
    const mirrors = [mirrorStatus({ state: 'repairing' }), mirrorStatus({ state: 'behind' })];
    assert.match(drawStatus(status({}, { mirrors }), PLAIN, NOW), /\n2 mirrors are on the way to equal; nothing needs/);
  });

  it('gives ages in words', () => {
    const ages: [ms: number, words: string][] = [
      [0, '0 s'],
      [-5000, '0 s'],
      [59_999, '59 s'],
      [60_000, '1 min'],
      [3_600_000, '1 h'],
      [90_000_000, '1 d 1 h'],
      [86_400_000 * 2, '2 d'],
    ];
    for (const [ms, words] of ages) assert.equal(ageWords(new Date(NOW - ms).toISOString(), NOW), words);
    assert.equal(ageWords('yesterday', NOW), '-');
  });

  it('H5 draws any answer at all, or says that it makes no sense', () => {
    const whole = status({}, { mirrors: [mirrorStatus({ progress: { done: 1, total: 2 }, error: { message: 'x' } })] });
    const paths = fc.constantFrom(
      ...['unit', 'since', 'source', 'buffer', 'volumes', 'notices', 'lu', 'first', 'mirrors', 'to', 'state'],
      ...['behindBytes', 'progress', 'error', 'record', 'blockSize', 'done', 'message'],
    );
    const other = fc.anything({ maxDepth: 2, withNullPrototype: true }).filter((value) => typeof value !== 'function');
    fc.assert(
      fc.property(paths, other, (key, value) => {
        const broken: unknown = JSON.parse(JSON.stringify(whole), (name, old) => (name === key ? value : old));
        try {
          assert.equal(typeof drawStatus(readStatus(broken), PLAIN, NOW), 'string');
        } catch (error) {
          assert.ok(error instanceof Fault && error.blame === 'peer', String(error));
        }
      }),
      { numRuns: 500 },
    );
  });
});
