import assert from 'node:assert/strict';
import { Silence } from '../../../src/link/silence.ts';

const MS = 1e6;

describe('H2 a far end that falls silent', () => {
  it('is noticed within five seconds, and heard again at once', () => {
    const silence = new Silence(0);
    let at = 0;
    const look = (): boolean => silence.lasts(at);
    while (!look()) at += 500 * MS;
    assert.ok(at > 3000 * MS && at < 5000 * MS, `after ${at / MS} ms`);
    silence.heard(at);
    assert.equal(look(), false);
  });

  it('is not while it says something every two seconds', () => {
    const silence = new Silence(0);
    for (let at = 0; at < 60_000 * MS; at += 500 * MS) {
      if (at % (2000 * MS) === 0) silence.heard(at);
      assert.equal(silence.lasts(at), false);
    }
  });

  it('is not told by a process that did not listen itself for long', () => {
    const silence = new Silence(0);
    assert.equal(silence.lasts(500 * MS), false);
    assert.equal(silence.lasts(30_000 * MS), false);
  });
});
