import assert from 'node:assert/strict';
import { type Later, type Log, type LogLevel, limitRepeats, openLog } from '../../../hw/log.ts';
import { logState } from '../../../src/unit/watch/status.ts';
import { Shown } from '../cli/cases.ts';

/** A log that keeps its lines, and a clock that is moved by hand. */
function bench() {
  const lines: string[] = [];
  const keep = (level: LogLevel) => (message: string, fields?: object) => {
    lines.push(`${level} ${message}${fields === undefined ? '' : ` ${JSON.stringify(fields)}`}`);
  };
  const log: Log = { error: keep('error'), warn: keep('warn'), info: keep('info'), debug: keep('debug') };
  const timers = new Set<{ at: number; callback: () => void }>();
  let now = 0;
  const later: Later = (callback, ms) => {
    const timer = { at: now + ms, callback };
    timers.add(timer);
    return () => timers.delete(timer);
  };
  const pass = (ms: number): void => {
    now += ms;
    for (const timer of [...timers].filter(({ at }) => at <= now)) {
      timers.delete(timer);
      timer.callback();
    }
  };
  return { lines, log, later, pass, timers };
}

describe('H1 the log', () => {
  it('is a JSON object a line, with time, level, message and fields', () => {
    const shown = new Shown();
    const log = openLog('info', shown);
    log.warn('the session was lost', { lu: 'iqn.a:b/1', tries: 3 });
    log.debug('not shown');
    const lines = shown.text.trim().split('\n');
    assert.equal(lines.length, 1);
    const { timestamp, ...rest } = JSON.parse(lines[0]);
    assert.deepEqual(rest, { level: 'warn', message: 'the session was lost', lu: 'iqn.a:b/1', tries: 3 });
    assert.ok(!Number.isNaN(Date.parse(timestamp)));
  });

  it('keeps what came from outside inside its line', () => {
    const shown = new Shown();
    openLog('info', shown).info('a\nb', { host: 'x"\n\u001b[2J' });
    assert.equal(shown.text.split('\n').length, 2);
    assert.ok(!shown.text.includes('\u001b'));
  });

  it('has one line for each change of a state, louder where somebody must act', () => {
    const { lines, log } = bench();
    const change = { lu: 'l', mirror: 'file:m', from: 'equal', why: 'x' };
    for (const to of ['behind', 'paused', 'broken']) logState(log, { ...change, to });
    assert.deepEqual(
      lines.map((line) => line.split(' ')[0]),
      ['debug', 'warn', 'error'],
    );
    assert.equal(lines[2], 'error state {"lu":"l","mirror":"file:m","from":"equal","to":"broken","why":"x"}');
    for (const from of ['broken', 'repairing', 'copying', 'behind']) logState(log, { ...change, from, to: 'equal' });
    assert.deepEqual(
      lines.slice(3).map((line) => line.split(' ')[0]),
      ['info', 'info', 'info', 'debug'],
    );
  });

  describe('without endless repetition', () => {
    it('tells the first at once, and the rest as one line with their count', () => {
      const { lines, log, later, pass, timers } = bench();
      const quiet = limitRepeats(log, later);
      for (let n = 0; n < 5; n++) quiet.warn('drops', { n });
      quiet.warn('another');
      assert.deepEqual(lines, ['warn drops {"n":0}', 'warn another']);
      pass(9_999);
      assert.equal(lines.length, 2);
      pass(1);
      assert.deepEqual(lines.slice(2), ['warn drops {"n":4,"repeated":4}']);
      quiet.warn('drops', { n: 5 });
      pass(10_000);
      assert.deepEqual(lines.slice(3), ['warn drops {"n":5,"repeated":1}']);
      pass(10_000);
      quiet.warn('drops', { n: 6 });
      assert.deepEqual(lines.slice(4), ['warn drops {"n":6}']);
      assert.equal(timers.size, 1);
    });

    it('tells the same text of two levels apart', () => {
      const { lines, log, later } = bench();
      const quiet = limitRepeats(log, later);
      quiet.warn('x');
      quiet.info('x');
      assert.deepEqual(lines, ['warn x', 'info x']);
    });

    it('tells what it holds back at the end', () => {
      const { lines, log, later, timers } = bench();
      const quiet = limitRepeats(log, later);
      quiet.info('x');
      quiet.info('x');
      quiet.info('y');
      quiet.flush();
      assert.deepEqual(lines, ['info x', 'info y', 'info x {"repeated":1}']);
      assert.equal(timers.size, 0);
    });

    it('H5 remembers a bounded number of texts, and loses no count', () => {
      const { lines, log, later, timers } = bench();
      const quiet = limitRepeats(log, later);
      quiet.info('x');
      quiet.info('x');
      for (let n = 0; n < 5000; n++) quiet.info(`text ${n}`);
      assert.ok(timers.size <= 1000);
      assert.ok(lines.includes('info x {"repeated":1}'));
    });
  });
});
