import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { Supervisor, type SupervisorOptions, supervisionOf } from '../../../hw/systemd.ts';

/** A supervisor whose words come here; `heard` resolves once so many sets of them have come. */
function supervised(options: Partial<SupervisorOptions> = {}) {
  const told: string[] = [];
  const failures: string[] = [];
  let wake: () => void = () => {};
  const notify = async (assignments: readonly string[]): Promise<void> => {
    told.push(assignments.join(' '));
    wake();
  };
  const heard = async (count: number): Promise<void> => {
    while (told.length < count) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  const failed = (why: string): void => void failures.push(why);
  const supervisor = new Supervisor({ notify, status: () => 'all is well', failed, ...options });
  return { supervisor, told, failures, heard };
}

describe('H4 systemd hears how a unit does', () => {
  const socket = { NOTIFY_SOCKET: '/run/systemd/notify' };

  it('is there only where systemd listens, and watches only this process', () => {
    assert.equal(supervisionOf({}, 7), undefined);
    assert.equal(supervisionOf({ NOTIFY_SOCKET: '' }, 7), undefined);
    assert.deepEqual(supervisionOf(socket, 7), {});
    assert.deepEqual(supervisionOf({ ...socket, WATCHDOG_USEC: '60000000', WATCHDOG_PID: '7' }, 7), {
      watchdogUs: 60_000_000,
    });
    assert.deepEqual(supervisionOf({ ...socket, WATCHDOG_USEC: '60000000' }, 7), { watchdogUs: 60_000_000 });
    assert.deepEqual(supervisionOf({ ...socket, WATCHDOG_USEC: '60000000', WATCHDOG_PID: '8' }, 7), {});
    for (const WATCHDOG_USEC of ['', '0', '-1', '1e9', 'soon']) {
      assert.deepEqual(supervisionOf({ ...socket, WATCHDOG_USEC }, 7), {});
    }
  });

  it('asks for time while it starts, then says ready with words on one line', async () => {
    const { supervisor, told } = supervised({ status: () => 'tee a -> b;\n 2 equal' });
    supervisor.starting();
    await supervisor.ready();
    await supervisor.stopping();
    assert.deepEqual(told, [
      'EXTEND_TIMEOUT_USEC=60000000',
      'READY=1 STATUS=tee a -> b; 2 equal',
      'STOPPING=1 STATUS=stopping: what is buffered is written',
    ]);
  });

  it('feeds the watchdog while the unit ticks, and tells its words when they are others', async () => {
    let words = '1 equal';
    const { supervisor, told, heard } = supervised({ watchdogUs: 6000, status: () => words });
    await supervisor.ready();
    const ticks = setInterval(() => supervisor.ticked(), 1);
    await heard(2);
    words = '1 broken';
    await heard(6);
    clearInterval(ticks);
    assert.deepEqual(told.slice(0, 2), ['READY=1 STATUS=1 equal', 'WATCHDOG=1']);
    assert.equal(told.filter((one) => one === 'WATCHDOG=1 STATUS=1 broken').length, 1);
    assert.ok(told.slice(1).every((one) => one.startsWith('WATCHDOG=1')));
  });

  it('leaves a unit to systemd whose tick does not run, though its event loop does', async () => {
    const { supervisor, told, heard } = supervised({ watchdogUs: 3000 });
    await supervisor.ready();
    supervisor.ticked();
    await heard(2);
    const beats = told.length;
    // Time in which a unit that ticks would be told of many times over.
    await pause(50);
    assert.equal(told.length, beats);
    supervisor.ticked();
    await heard(beats + 1);
  });

  it('feeds it to the end of a stop, in which nothing ticks any more', async () => {
    const { supervisor, told, heard } = supervised({ watchdogUs: 3000 });
    await supervisor.ready();
    await supervisor.stopping();
    await heard(5);
    assert.ok(told.slice(2).every((one) => one === 'WATCHDOG=1'));
  });

  it('says once that systemd cannot be told, and goes on', async () => {
    let broken = true;
    const notify = async (): Promise<void> => {
      if (broken) throw new Error('no such program');
    };
    const { supervisor, failures } = supervised({ notify });
    supervisor.starting();
    await supervisor.ready();
    assert.deepEqual(failures, ['no such program']);
    broken = false;
    await supervisor.ready();
    broken = true;
    await supervisor.stopping();
    assert.deepEqual(failures, ['no such program', 'no such program']);
  });
});
