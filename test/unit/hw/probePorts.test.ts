import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { listSerialPorts } from '../../../hw/probePorts.ts';

describe('A4 serial ports of this machine', () => {
  it('are files, each once, in the order of their names; none where there is none', async () => {
    const ports = await listSerialPorts();
    const paths = ports.map(({ path }) => path);
    assert.deepEqual(paths, [...new Set(paths)].sort());
    for (const path of paths) assert.ok(existsSync(path), path);
  });
});
