import assert from 'node:assert/strict';
import { Fault } from '../../../src/base/fault.ts';

/** For `assert.rejects`: a local `Fault` with these words and this mend. */
export function faultOf(message: RegExp, mend?: RegExp): (error: unknown) => true {
  return (error) => {
    assert.ok(error instanceof Fault, `a Fault, not ${error}`);
    assert.equal(error.blame, 'local');
    assert.match(error.message, message);
    if (mend) assert.match(error.mend ?? '', mend);
    return true;
  };
}
