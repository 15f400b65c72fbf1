import assert from 'node:assert/strict';
import { runTry } from '../../../src/cli/draw-try-run.ts';
import { tryCommand } from '../../../src/cli/try.ts';
import { seatOf, settled, type TestSeat } from '../stat/seat.ts';
import { START, view, write } from '../stat/view.ts';

async function tried(options: { json?: boolean; lu?: string } = {}): Promise<TestSeat> {
  const seat = seatOf((sink) => {
    sink.command?.(view());
    for (let i = 0; i < 50; i++) {
      const at = START + BigInt(i) * 2_000_000_000n;
      sink.command?.(write({ at, lbn: i * 128, lu: `iqn.target:t/${i % 2}` }));
    }
    sink.command?.(write({ operation: 'WRITE LONG(10)', opcode: 0x3f, blocks: 1 }));
  });
  await runTry(['bus.pcap'], { recoverySeconds: [1, 60], ...options }, seat);
  return await settled(seat);
}

describe('H3 tapmirror try', () => {
  it('says in a page what mirroring would need, for the bus and each LU', async () => {
    const { stdout } = await tried();
    assert.match(stdout.text, /^To mirror this bus/);
    assert.match(stdout.text, /link for 1 s +.*bit\/s, at most .* waiting/);
    assert.match(stdout.text, /link for 1 min /);
    assert.match(stdout.text, /worst 10 s /);
    assert.match(stdout.text, /history +.* an hour/);
    assert.match(stdout.text, /read back +WRITE LONG\(10\): 1/);
    assert.match(stdout.text, /LU iqn\.target:t\/0/);
  });

  it('gives one object with --json', async () => {
    const { stdout } = await tried({ json: true });
    const report = JSON.parse(stdout.text);
    assert.equal(report.total.writes, 51);
    assert.deepEqual(report.sources, ['bus.pcap']);
    assert.deepEqual(
      report.total.links.map(({ recoverySeconds }: { recoverySeconds: number }) => recoverySeconds),
      [1, 60],
    );
  });

  it('looks at one LU when asked to, and says what it saw when there is none', async () => {
    const { stdout, stderr } = await tried({ lu: 'iqn.other:*' });
    assert.match(stdout.text, /nothing was written/);
    assert.match(stderr.text, /none of the 52 commands matches/);
  });

  it('takes recovery points as people write them, and nothing else', () => {
    const command = tryCommand()
      .exitOverride()
      .configureOutput({ writeErr: () => {} });
    command.action(() => {});
    command.parse(['--recovery', '500ms', '--recovery', '15min', 'x'], { from: 'user' });
    assert.deepEqual(command.opts().recovery, [0.5, 900]);
    assert.throws(() => command.parse(['--recovery', 'soon', 'x'], { from: 'user' }), /number and a unit/);
    assert.throws(() => command.parse(['--recovery', '0s', 'x'], { from: 'user' }), /number and a unit/);
  });
});
