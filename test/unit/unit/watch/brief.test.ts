import assert from 'node:assert/strict';
import type { MirrorState } from '../../../../src/mirror/requests.ts';
import { Brief } from '../../../../src/unit/watch/brief.ts';

/** What the log has of states that are looked at ten times a second; `!` behind one: it has waited for long. */
function told(from: MirrorState, states: string[]): string[] {
  const brief = new Brief();
  let now = from;
  return states.flatMap((word, i) => {
    const state = word.replace('!', '') as MirrorState;
    if (brief.holds(now, state, word.endsWith('!'), i * 100) || state === now) return [];
    now = state;
    return [state];
  });
}

const times = (count: number, ...states: string[]): string[] => Array.from({ length: count }, () => states).flat();

describe('H5 changes of state that the log has', () => {
  it('are none where a mirror is behind and repaired for a moment again and again', () => {
    assert.deepEqual(told('equal', times(50, 'behind', 'repairing', 'repairing', 'equal', 'repairing', 'behind')), []);
  });

  it('are a repair that lasts, and its end', () => {
    assert.deepEqual(told('equal', [...times(12, 'repairing'), ...times(5, 'equal')]), ['repairing', 'equal']);
    assert.deepEqual(told('equal', [...times(9, 'repairing'), 'equal', ...times(9, 'repairing')]), []);
  });

  it('are what waits for long', () => {
    assert.deepEqual(told('equal', ['behind', 'behind', 'behind!', 'behind', 'equal']), ['behind', 'equal']);
  });

  it('are the beginning of a fault at once, and its end also where writes never rest', () => {
    assert.deepEqual(told('equal', ['broken', 'repairing']), ['broken', 'repairing']);
    assert.deepEqual(told('broken', ['behind', 'equal']), ['equal']);
    assert.deepEqual(told('broken', times(12, 'behind')), ['behind']);
    assert.deepEqual(told('equal', ['behind', 'paused', 'broken']), ['paused', 'broken']);
  });
});
