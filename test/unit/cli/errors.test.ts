import assert from 'node:assert/strict';
import { Fault } from '../../../src/base/fault.ts';
import { errorLines, exitOfError, exitOfReport, UsageFault } from '../../../src/cli/errors.ts';
import { ConfigFault } from '../../../src/unit/config/configFault.ts';
import type { MirrorReport } from '../../../src/unit/replay/report.ts';
import { mirror, report } from './cases.ts';

describe('H2 errors and exit statuses', () => {
  it('a fault is one line with the mend, and exit status 1', () => {
    const fault = new Fault('local', 'bus.pcap does not exist', 'check the path');
    assert.deepEqual(errorLines(fault), ['tapmirror: bus.pcap does not exist; check the path']);
    assert.equal(exitOfError(fault), 1);
    assert.deepEqual(errorLines(new Fault('peer', 'nonsense')), ['tapmirror: nonsense']);
  });

  it('wrong usage and a wrong configuration are exit status 2, each mistake a line', () => {
    assert.equal(exitOfError(new UsageFault('unknown option', 'see --help')), 2);
    const config = new ConfigFault(['unit.json:1:1: a; b', 'unit.json:2:1: c; d']);
    assert.deepEqual(errorLines(config), ['unit.json:1:1: a; b', 'unit.json:2:1: c; d']);
    assert.equal(exitOfError(config), 2);
  });

  it('anything else is called our own mistake, with the stack only when asked for', () => {
    const bug = new TypeError('x is undefined');
    assert.deepEqual(errorLines(bug), [
      'tapmirror: a mistake in tapmirror itself: x is undefined; please report it, with TAPMIRROR_DEBUG=1 set',
    ]);
    assert.match(errorLines(bug, true).join('\n'), /errors\.test/);
    assert.equal(exitOfError(bug), 1);
    assert.equal(errorLines('thrown text').length, 1);
  });

  it('what came from outside cannot drive the terminal', () => {
    assert.deepEqual(errorLines(new Fault('local', 'a\nb\u001b[2J')), ['tapmirror: a\\x0ab\\x1b[2J']);
  });

  it('a report is 0 when all is equal, 3 when blocks are unresolved or it was stopped, 1 when a mirror failed', () => {
    const broken = (state: MirrorReport['state']) => ({ mirrors: [mirror({ state })] });
    assert.equal(exitOfReport(report()), 0);
    assert.equal(exitOfReport(report({}, { unresolved: [[0, 1]] })), 3);
    assert.equal(exitOfReport(report({ interrupted: true })), 3);
    assert.equal(exitOfReport(report({}, { ...broken('broken'), unresolved: [[0, 1]] })), 1);
    assert.equal(exitOfReport(report({}, broken('paused'))), 1);
  });
});
