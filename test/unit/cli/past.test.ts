import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { ControlServer } from '../../../hw/controlServer.ts';
import { openLog } from '../../../hw/log.ts';
import { Fault } from '../../../src/base/fault.ts';
import { drawHistory } from '../../../src/cli/draw-history.ts';
import { UsageFault } from '../../../src/cli/errors.ts';
import { runHistory } from '../../../src/cli/history.ts';
import { readHistory } from '../../../src/cli/history-read.ts';
import { runMark } from '../../../src/cli/mark.ts';
import { runOpen } from '../../../src/cli/open.ts';
import { runPromotion } from '../../../src/cli/promote.ts';
import { type RewindOptions, runRewind } from '../../../src/cli/rewind.ts';
import { runVerify } from '../../../src/cli/verify.ts';
import type { VerifyOrder, VerifyReport } from '../../../src/unit/compare/verifyTypes.ts';
import type { RollBackOrder, RollBackReport } from '../../../src/unit/history/rollBack.ts';
import type { HistoryReport, RewindOrder } from '../../../src/unit/received/receivedVolume.ts';
import type { OpenOrder } from '../../../src/unit/serve/openMoment.ts';
import { serveControl } from '../../../src/unit/steer/control.ts';
import { Jobs } from '../../../src/unit/steer/jobs.ts';
import type { MarkScope } from '../../../src/unit/watch/status.ts';
import { fitsSchema } from '../../kit/schemas.ts';
import { Shown, status } from './cases.ts';

const PLAIN = { width: 60, tty: false, colour: false, unicode: false };
const NOW = Date.parse('2026-01-01T02:05:00.000Z');

function history(changes: Partial<HistoryReport> = {}): HistoryReport {
  const at = (minute: number) => `2026-01-01T02:0${minute}:00.000000000Z`;
  const moment = (minute: number, sequence: number, consistent = true) => ({ at: at(minute), sequence, consistent });
  return {
    volume: 'database',
    windowMs: 3_600_000,
    bytes: 3 << 20,
    entries: 1234,
    oldest: moment(0, 10),
    newest: moment(4, 1244),
    bookmarks: [
      { name: 'before', ...moment(1, 300) },
      { name: 'torn', ...moment(2, 600, false) },
    ],
    spans: [
      { from: moment(0, 10), to: moment(2, 599), consistent: true },
      { from: moment(2, 600, false), to: moment(3, 900, false), consistent: false },
      { from: moment(3, 901), to: moment(4, 1244), consistent: true },
    ],
    ...changes,
  };
}

/** Says when something was written. */
class Told extends Shown {
  override _write(chunk: string | Uint8Array, encoding: BufferEncoding, done: () => void): void {
    super._write(chunk, encoding, done);
    this.emit('told');
  }
}

let folder: string;
let control: string;
let server: ControlServer;
let marks: unknown[];
let orders: (Pick<RewindOrder, 'to' | 'out' | 'force'> & { volume: string | undefined })[];
let refusal: Fault | undefined;
let sures: (string | undefined)[];

describe('C2 bookmarks, history and rewinding', () => {
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tapmirror-past-'));
    control = join(folder, 'control.sock');
    const unit = {
      status: () => status(),
      mark: async (name: string, { volume, group }: MarkScope = {}) => {
        marks.push([name, group === undefined ? volume : `group ${group}`]);
        return { name, at: '2026-01-01T00:00:00.000000000Z', volumes: ['a/1', 'b/1'] };
      },
      history: (volume?: string) => history(volume === undefined ? {} : { volume }),
      rewind: async (volume: string | undefined, { to, out, force, progress }: RewindOrder) => {
        if (refusal) throw refusal;
        progress(50, 100);
        orders.push({ volume, to, out, force });
        return { volume: volume ?? 'database', out, bytes: 100, at: null, sequence: 7, consistent: false };
      },
      promote: async (volume: string) => [{ mirror: volume, target: 'iqn.2024-01.example:served', lun: 1 }],
      demote: () => assert.fail('not asked for'),
      open: async (volume: string | undefined, { listen, name, lun, ready, signal }: OpenOrder) => {
        const urls = listen.map((portal) => `iscsi://${portal}/${name}/${lun}`);
        const ended = new Promise((resolve) => signal.addEventListener('abort', resolve));
        ready({ volume: volume ?? 'database', urls, writable: false, at: null, sequence: 7, consistent: true });
        await ended;
      },
      verify: async (volume: string | undefined, { mirror, repair, progress }: VerifyOrder): Promise<VerifyReport> => {
        if (refusal) throw refusal;
        progress(50, 100);
        const differing: [number, number][] = repair || mirror ? [[4096, 8192]] : [];
        const told = { comparedBytes: 1 << 20, differing, differingBytes: 2 * 4096 * differing.length };
        const verdict = { to: mirror ?? 'file:b\u001b[2J', ...told, uncomparedBytes: 0, repairing: repair };
        const equal = differing.length === 0;
        return { volume: volume ?? 'database', source: 'file:a', equal, mirrors: [verdict] };
      },
      groupHistory: (group: string) => ({ ...history({ volume: group }), group, volumes: ['a', 'b'] }),
      groupRewind: async (group: string, { to, out, force }: RewindOrder) => {
        orders.push({ volume: `group ${group}`, to, out, force });
        return { group, out, at: null, sequence: 9, consistent: true, volumes: [] };
      },
      explain: () => assert.fail('not asked for'),
      rollBack: async (volume: string | undefined, { sure }: RollBackOrder): Promise<RollBackReport> => {
        sures.push(sure);
        const moment = { at: '2026-01-01T00:00:00Z', sequence: 7, consistent: true };
        const told = { entries: 3, newest: { ...moment, sequence: 10 }, bookmarks: ['b\u001b[2J'], sender: 'unit-a' };
        return { volume: volume ?? 'database', done: sure !== undefined, ...moment, ...told, sure: 'this one' };
      },
      mirrors: { add: () => assert.fail('not asked for'), remove: () => assert.fail('not asked for') },
      get steer() {
        return assert.fail('not asked for');
      },
      running: new Jobs(),
    };
    server = await serveControl(control, unit, openLog('error', new Shown()));
  });
  beforeEach(() => {
    marks = [];
    orders = [];
    refusal = undefined;
    sures = [];
  });
  after(async () => {
    await server.close();
    await rm(folder, { recursive: true });
  });

  it('mark says when, and at how many volumes', async () => {
    const out = new Shown();
    await runMark('before upgrade', { control }, out);
    await runMark('b', { control, volume: 'database' }, out);
    await runMark('c', { control, group: 'books' }, out);
    assert.deepEqual(marks, [
      ['before upgrade', undefined],
      ['b', 'database'],
      ['c', 'group books'],
    ]);
    const json = new Shown();
    await runMark('d', { control, json: true }, json);
    fitsSchema('mark', json.text);
    await assert.rejects(runMark('d', { control, volume: 'database', group: 'books' }, out), UsageFault);
    assert.equal(out.text.split('\n')[0], 'bookmark before upgrade at 2026-01-01T00:00:00.000000000Z, 2 volumes');
  });

  for (const name of ['', ' ', '12', 'a\nb', 'x'.repeat(65), ' a']) {
    it(`mark refuses ${JSON.stringify(name)}`, async () => {
      await assert.rejects(runMark(name, { control }, new Shown()), (error) => error instanceof Fault && !!error.mend);
      assert.deepEqual(marks, []);
    });
  }

  it('history prints what the unit answers as one JSON object', async () => {
    const stdout = new Shown();
    await runHistory('other', { control, json: true }, { stdout, env: {}, nowMs: () => NOW });
    assert.deepEqual(JSON.parse(stdout.text), history({ volume: 'other' }));
    fitsSchema('history', stdout.text);
  });

  it('history draws the kept window and a row for each bookmark', async () => {
    const stdout = new Shown();
    await runHistory(undefined, { control }, { stdout, env: {}, nowMs: () => NOW });
    assert.equal(
      drawHistory(history(), PLAIN, NOW),
      [
        'database',
        '  3 MiB of 1,234 entries; at most 1 h are kept',
        '  oldest   2026-01-01T02:00:00.000Z  sequence 10, 5 min ago',
        '  newest   2026-01-01T02:04:00.000Z  sequence 1244, 1 min ago',
        '',
        '  --------------o-------------o..............-------------',
        '  - consistent  . inconsistent  o bookmark',
        '',
        '  BOOKMARK                      TIME    AGE  SEQUENCE         STATE',
        '  before    2026-01-01T02:01:00.000Z  4 min       300    consistent',
        '  torn      2026-01-01T02:02:00.000Z  3 min       600  inconsistent',
        '',
      ].join('\n'),
    );
    assert.match(stdout.text, /database/);
  });

  it('history of nothing, of damage and of a newest moment in doubt says so', () => {
    const none = { at: null, sequence: 0, consistent: false };
    assert.match(
      drawHistory(history({ oldest: none, newest: none, bookmarks: [] }), PLAIN, NOW),
      /Nothing has come yet/,
    );
    const doubt = { at: '2026-01-01T02:04:00Z', sequence: 9, consistent: false };
    const drawn = drawHistory(history({ newest: doubt, bookmarks: [], damage: 'bytes\u001b[2J' }), PLAIN, NOW);
    assert.match(drawn, /damaged: bytes\\x1b\[2J/);
    assert.match(drawn, /No bookmarks; `tapmirror mark NAME`/);
    assert.match(drawn, /The newest moment is not one that the first volume had/);
  });

  it('verify says what differs, and its exit status whether anything does', async () => {
    const seat = () => ({ stdout: new Shown(), stderr: new Shown(), env: {}, nowMs: () => NOW });
    const equal = seat();
    assert.equal(await runVerify(undefined, { control }, equal), 0);
    assert.equal(equal.stdout.text, 'database, compared with file:a\n  file:b\\x1b[2J: equal (1 MiB compared)\n');
    const other = seat();
    assert.equal(await runVerify('x/1', { control, mirror: 'file:c', repair: true }, other), 3);
    assert.match(
      other.stdout.text,
      /file:c: 8 KiB differ and are being repaired \(1 MiB compared\)\n {4}8192 bytes at 4096\n$/,
    );
    const json = seat();
    assert.equal(await runVerify(undefined, { control, repair: true, json: true }, json), 3);
    assert.deepEqual(JSON.parse(json.stdout.text).mirrors[0].differing, [[4096, 8192]]);
    fitsSchema('verify', json.stdout.text);
    refusal = new Fault('local', 'the first volume cannot be read');
    await assert.rejects(runVerify(undefined, { control }, seat()), /cannot be read/);
  });

  it('rewind hands over what may be meant, an absolute path, and tells how it went', async () => {
    const seat = { stdout: new Shown(), stderr: new Shown(), env: {}, nowMs: () => NOW };
    await runRewind('database', { control, to: 'before', out: 'x.img' }, seat);
    await runRewind(undefined, { control, to: '42', out: '/y.img', force: true, json: true }, seat);
    await runRewind(undefined, { control, to: '2026-01-01T00:00:00.5Z', out: '/z.img' }, seat);
    assert.deepEqual(orders, [
      { volume: 'database', to: { words: 'before', mark: 'before' }, out: resolve('x.img'), force: false },
      { volume: undefined, to: { words: '42', mark: '42', sequence: 42 }, out: '/y.img', force: true },
      {
        volume: undefined,
        to: { words: '2026-01-01T00:00:00.5Z', mark: '2026-01-01T00:00:00.5Z', time: 1767225600500000000n },
        out: '/z.img',
        force: false,
      },
    ]);
    const [first, second] = seat.stdout.text.split('\n');
    assert.equal(first, `${resolve('x.img')}: as of before anything came, sequence 7, inconsistent`);
    assert.equal(JSON.parse(second).bytes, 100);
    fitsSchema('rewind', second);
    assert.equal(seat.stderr.text, '');
  });

  it('open and promote print, as JSON, what the schemas say', async () => {
    const stop: (() => void)[] = [];
    const stdout = new Told();
    const seat = { stdout, env: {}, nowMs: () => NOW, onStop: (stopped: () => void) => stop.push(stopped) };
    const written = once(stdout, 'told');
    const open = { control, at: '7', listen: ['127.0.0.1:3260'], lun: '1', json: true };
    const opened = runOpen('database', open, seat);
    await written;
    for (const one of stop) one();
    await opened;
    fitsSchema('open', stdout.text);
    const promoted = new Shown();
    await runPromotion('promote', 'file:m.img', { control, json: true }, promoted);
    fitsSchema('promote', promoted.text);
  });

  it('history and rewind of a group name the group and its volumes (C5)', async () => {
    const seat = { stdout: new Shown(), stderr: new Shown(), env: {}, nowMs: () => NOW };
    await runHistory(undefined, { control, group: 'books', json: true }, seat);
    assert.deepEqual(JSON.parse(seat.stdout.text).volumes, ['a', 'b']);
    fitsSchema('history', seat.stdout.text);
    assert.match(drawHistory(readHistory(JSON.parse(seat.stdout.text)), PLAIN, NOW), /^group books: a, b\n/);
    const none = { at: null, sequence: 0, consistent: false };
    const silent = { ...history({ newest: none, oldest: none }), group: 'books', volumes: ['a'], why: 'nothing came' };
    assert.match(drawHistory(silent, PLAIN, NOW), /No moment in common: nothing came\./);
    await runRewind(undefined, { control, group: 'books', to: 'b', out: '/y' }, seat);
    assert.deepEqual(orders, [{ volume: 'group books', to: { words: 'b', mark: 'b' }, out: '/y', force: false }]);
    await assert.rejects(runHistory('a', { control, group: 'books' }, seat), UsageFault);
    await assert.rejects(runRewind('a', { control, group: 'books', to: 'b', out: '/y' }, seat), UsageFault);
  });

  it('rewind in place tells what is dropped, and does it once somebody has said yes', async () => {
    const seat = { stdout: new Shown(), stderr: new Shown(), env: {}, nowMs: () => NOW };
    const run = (rest: Partial<RewindOptions>, confirm?: () => Promise<boolean>) =>
      runRewind('database', { control, to: '7', inPlace: true, ...rest }, { ...seat, ...(confirm ? { confirm } : {}) });
    await assert.rejects(run({}), /nothing was done: 3 entries up to .* would be dropped/);
    await assert.rejects(
      run({}, async () => false),
      /nothing was done/,
    );
    assert.deepEqual(sures, [undefined, undefined]);
    assert.match(seat.stderr.text, /3 entries up to .*\n.*bookmarks b\\x1b\[2J\.\n.*unit-a is connected/);
    await run({}, async () => true);
    await run({ yes: true });
    assert.deepEqual(sures.slice(2), [undefined, 'this one', undefined, 'this one']);
    const line = 'database: rolled back to 2026-01-01T00:00:00Z, sequence 7; 3 newer entries dropped\n';
    assert.equal(seat.stdout.text, line + line);
    await run({ yes: true, json: true });
    const json = seat.stdout.text.slice(2 * line.length);
    assert.equal(JSON.parse(json).done, true);
    fitsSchema('rewind', json);
    for (const wrong of [
      { out: '/y' },
      { group: 'books' },
      { inPlace: false },
      { inPlace: false, yes: true, out: '/y' },
    ]) {
      await assert.rejects(run(wrong), UsageFault);
    }
  });

  it("rewind fails with the unit's words, and without words to go by", async () => {
    const seat = { stdout: new Shown(), stderr: new Shown(true), env: {}, nowMs: () => NOW };
    refusal = new Fault('peer', 'that moment is inconsistent', 'use --force');
    await assert.rejects(runRewind(undefined, { control, to: 'b', out: '/z' }, seat), /that moment is inconsistent/);
    await assert.rejects(runRewind(undefined, { control, to: ' ', out: '/z' }, seat), UsageFault);
    await assert.rejects(runRewind(undefined, { control, to: 'time:tomorrow', out: '/z' }, seat), /no moment is named/);
    await assert.rejects(runRewind(undefined, { to: 'b', out: '/z' }, seat), UsageFault);
  });
});
