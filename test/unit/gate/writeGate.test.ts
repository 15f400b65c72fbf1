import assert from 'node:assert/strict';
import { WriteGate } from '../../../src/gate/writeGate.ts';
import { Gathered } from './outlet.ts';

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function numbered(length: number, from = 0): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (from + i) & 0xff);
}

function deferred(): { wait: Promise<void>; go: () => void } {
  let go = (): void => {};
  const wait = new Promise<void>((resolve) => {
    go = resolve;
  });
  return { wait, go };
}

describe('A3 the gate for commands that write', () => {
  it('holds from the PDU at hand on, until every wait before it is over', async () => {
    const gate = new WriteGate();
    const out = new Gathered();
    let at = 0;
    const lane = gate.lane(out, () => at);
    const [one, two] = [deferred(), deferred()];
    lane.decoding();
    at = 48;
    gate.intent('a', one.wait);
    at = 148;
    gate.intent('a', two.wait);
    lane.decoded();
    assert.equal(lane.clear, false);
    lane.pass(numbered(300), 0, 300);
    assert.deepEqual(out.bytes, numbered(48));
    two.go();
    await turn();
    assert.deepEqual(out.bytes, numbered(48));
    one.go();
    await turn();
    assert.deepEqual(out.bytes, numbered(300));
    assert.equal(lane.clear, true);
    assert.deepEqual([gate.holding, gate.held], [0, 2]);
  });

  it('commands that wait for the same sync are one wait', async () => {
    const gate = new WriteGate();
    const out = new Gathered();
    const lane = gate.lane(out, () => 0);
    const { wait, go } = deferred();
    lane.decoding();
    for (let i = 0; i < 100; i++) gate.intent('a', wait);
    lane.decoded();
    lane.pass(numbered(48), 0, 48);
    assert.deepEqual([gate.holding, gate.held], [1, 1]);
    go();
    await turn();
    assert.deepEqual(out.bytes, numbered(48));
    assert.deepEqual([gate.holding, gate.held], [0, 1]);
  });

  it('what becomes known only when the target answers holds the status', async () => {
    const gate = new WriteGate();
    const { wait, go } = deferred();
    gate.intent('a', wait);
    assert.equal(gate.policy('a', 0, 1), wait);
    assert.equal(gate.policy('b', 0, 2), undefined);
    go();
    await turn();
    assert.equal(gate.policy('a', 0, 3), undefined);
  });

  it('forgets what waits for a target that is gone', async () => {
    const gate = new WriteGate();
    const out = new Gathered();
    const lane = gate.lane(out, () => 0);
    const { wait, go } = deferred();
    lane.decoding();
    gate.intent('a', wait);
    lane.decoded();
    lane.pass(numbered(48), 0, 48);
    lane.drop();
    go();
    await turn();
    assert.equal(out.runs.length, 0);
    assert.equal(gate.holding, 0);
  });
});
