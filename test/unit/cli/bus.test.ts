import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { drawPorts } from '../../../src/cli/doctor.ts';
import { runStat } from '../../../src/cli/draw-stat-run.ts';
import { drawStatus } from '../../../src/cli/draw-status.ts';
import { runPhases } from '../../../src/cli/rows-phases.ts';
import { loadReplayConfig, type ReplayConfig } from '../../../src/unit/config/config.ts';
import { inspect } from '../../../src/unit/replay/inspect.ts';
import { sharedFolder } from '../../shared.ts';
import { seatOf, settled, type TestSeat } from '../stat/seat.ts';
import { status } from './cases.ts';

const PLAIN = { width: 100, tty: false, colour: false, unicode: false };
const NOW = Date.parse('2026-01-01T02:05:00.000Z');

describe('A4 a parallel bus on the command line', () => {
  const trace = (name: string): string => join(sharedFolder() ?? '', 'bus', name);
  const seat = (): TestSeat => ({ ...seatOf(() => {}), inspect });

  describe('with the shared traces', () => {
    before(function () {
      if (sharedFolder() === undefined) this.skip();
    });

    it('H2 decode --phases shows every phase with who, how much, and messages and CDBs in words', async () => {
      const here = seat();
      await runPhases([trace('d06-analyzer-sync.vcd.gz')], 'tsv', here);
      const { stdout } = await settled(here);
      const rows = stdout.lines.slice(1).map((line) => line.split('\t'));
      const of = (name: string): string[][] => rows.filter((row) => row[2] === name);
      for (const [from, to] of rows.map((row) => [Number(row[0]), Number(row[1])])) assert.ok(from <= to);
      assert.ok(of('SELECTION').length > 0 && of('SELECTION').every((row) => row[3] !== '' && row[4] !== ''));
      assert.ok(of('MESSAGE OUT').some((row) => /^IDENTIFY LUN 0, SDTR 100 ns, offset \d+$/.test(row[6])));
      assert.ok(of('COMMAND').some((row) => /^2a[0-9a-f]{18}$/.test(row[6]) && row[5] === '10'));
      assert.ok(of('STATUS').some((row) => row[6] === '00h' && row[5] === '1'));
      const names = new Set(rows.map((row) => row[2]));
      for (const name of ['BUS FREE', 'SELECTION', 'RESELECTION', 'COMMAND', 'DATA OUT', 'DATA IN', 'STATUS'])
        assert.ok(names.has(name), name);
    });

    it('H2 stat speaks of samples and of the bus, and of holes in which nothing was seen', async () => {
      const here = seat();
      await runStat([trace('p03-probe-modes.probe.gz')], {}, here);
      const { stdout } = await settled(here);
      assert.match(stdout.text, /[\d,]+ samples, .*, a parallel bus\n/);
      assert.match(stdout.text, /7 holes in which nothing was seen of the bus/);
      assert.doesNotMatch(stdout.text, /TCP|frame/);
      const json = seat();
      await runStat([trace('p03-probe-modes.probe.gz')], { json: true }, json);
      assert.equal(JSON.parse((await settled(json)).stdout.text).capture.samples, true);
    });
  });

  it('H1 status says how the probe is, and why data is left out', () => {
    const drawn = (changes: object): string => {
      const source = {
        kind: 'probe' as const,
        text: 'probe /dev/ttyACM0',
        state: 'capturing',
        headerOnly: false,
        why: '',
      };
      return drawStatus(status({ source: { ...source, ...changes } }), PLAIN, NOW);
    };
    assert.match(drawn({ probe: { name: 'a probe', firmware: '2.1' } }), /a probe 2\.1 sends data\n/);
    assert.match(drawn({ state: 'away' }), /the probe is not heard \(away\): nothing is copied/);
    assert.match(
      drawn({ headerOnly: true, why: 'the line is too slow', holes: 2 }),
      /sends headers only, as the line is too slow: data is read from the first volumes; 2 holes so far/,
    );
  });

  it('H4 doctor draws each port with what answers there, and what to do about those that cannot be used', () => {
    const probe = { id: '01', name: 'a probe', firmware: '2.1', width: 8, clockHz: 1e8, capturing: true };
    const drawn = drawPorts([
      { port: '/dev/ttyACM0', device: 'usb-probe', probe, fault: null },
      { port: '/dev/ttyUSB0', device: null, probe: null, fault: null },
      { port: '/dev/ttyUSB1', device: null, probe: null, fault: { message: 'it is busy', mend: 'end the other' } },
    ]);
    assert.match(drawn, /\/dev\/ttyACM0 +usb-probe +a probe 2\.1, 8 bits, capturing\n/);
    assert.match(drawn, /\/dev\/ttyUSB0 +no probe answers\n/);
    assert.match(drawn, /\/dev\/ttyUSB1 +cannot be used\nit is busy; end the other\n/);
    assert.equal(drawPorts([]), 'No serial port was found.\n');
  });

  it('H1 source.signals names lines, and tells which role it does not know', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tapmirror-signals-'));
    const read = async (signals: object): Promise<ReplayConfig> => {
      const path = join(folder, 'unit.json');
      const volumes = [{ lu: 'scsi:3/0', mirrors: ['file:second.img'] }];
      writeFileSync(path, JSON.stringify({ source: { replay: ['bus.vcd'], signals }, volumes }));
      return loadReplayConfig(path);
    };
    const named = { REQ: { name: 'r', active: 'low' }, DB: { name: ['a', 'b'], active: 'high' } };
    assert.deepEqual((await read(named)).source.signals, named);
    await assert.rejects(read({ REK: { name: 'r', active: 'low' } }), /REK.*is no line of the bus; did you mean "REQ"/);
    await assert.rejects(read({ REQ: { name: 'r' } }), /the key "active" is missing/);
    await assert.rejects(read({ REQ: { name: '', active: 'low' } }), /no name/);
    rmSync(folder, { recursive: true });
  });
});
