import { Command } from 'commander';
import { controlPath, type WhichUnit, withUnit } from './control-path.ts';
import type { Terminal } from './draw.ts';
import type { Stream } from './rows-inspect.ts';

export interface StatusOptions extends WhichUnit {
  json?: boolean;
  watch?: boolean;
  every?: string;
}

/** Where the command shows: the process's own, or a test's. */
export interface StatusSeat {
  stdout: Stream;
  env: Record<string, string | undefined>;
  /** Milliseconds since 1970. */
  nowMs: () => number;
}

const HELP = `
Asks a running unit how its mirrors stand.

What is shown for each mirror
  state      equal      nothing is known to be outstanding
             behind     changes are on their way to it
             copying    it is made equal for the first time, or compared after the unit was not looking
             repairing  what it missed is read from the first volume and written
             paused     it waits for somebody: the line below says for what
             broken     it cannot be written: the line below says why; it is tried again by itself
  behind     bytes that it does not have yet, or is not known to have right
  progress   of copying and repairing
  since      how long it has been in this state
With --watch also
  lag        how old the oldest change is that it may lack: what a loss of the first volume would cost now
  writes     bytes a second that it was written
  compares   bytes a second that were compared with the first volume

Examples
  tapmirror status --config unit.yaml
  tapmirror status --control /run/tapmirror.sock
  tapmirror status --watch --config unit.yaml
  tapmirror status --config unit.yaml --json | jq -r '.volumes[].mirrors[] | "\\(.to) \\(.state) \\(.behindBytes)"'
  until tapmirror status -c unit.yaml --json | jq -e 'all(.volumes[].mirrors[]; .state == "equal")'; do sleep 1; done

Exit status: 0 every mirror is equal or on its way to it, 1 failed, 2 the command line or the configuration is wrong,
3 a mirror is broken or paused, 4 no unit answers.
`;

/** `tapmirror status`. */
export function statusCommand(): Command {
  return withUnit(new Command('status').description('Show how the mirrors of a running unit stand.'))
    .option('--json', 'one JSON object on standard output')
    .option('-w, --watch', 'draw it again and again until q or Ctrl-C, with lag and rates')
    .option('--every <seconds>', 'how often, with --watch (default: 1)')
    .addHelpText('after', HELP)
    .action(async (options: StatusOptions) => {
      if (options.watch === true || options.every !== undefined) return watch(options);
      const seat: StatusSeat = { stdout: process.stdout, env: process.env, nowMs: Date.now };
      process.exitCode = await runStatus(options, seat);
    });
}

async function watch({ json, watch: wanted, every = '1', ...which }: StatusOptions): Promise<void> {
  const [{ watchStatus }, { UsageFault }, { terminalOf }] = await Promise.all([
    import('./status-watch.ts'),
    import('./errors.ts'),
    import('./draw.ts'),
  ]);
  const seconds = Number(every);
  if (wanted !== true || json === true) {
    throw new UsageFault(json === true ? 'both --json and --watch' : '--every without --watch', 'give one of them');
  }
  if (!(seconds >= 0.1 && seconds <= 3600)) {
    throw new UsageFault(`${JSON.stringify(every)} is no count of seconds`, 'write 0.1 to 3600');
  }
  const { stdin, stdout, env } = process;
  await watchStatus(await controlPath(which, 'status'), seconds * 1000, {
    stdin,
    stdout,
    env,
    nowMs: Date.now,
    onStop: (stop) => {
      process.on('SIGINT', stop).on('SIGTERM', stop).on('SIGHUP', stop);
      return () => process.off('SIGINT', stop).off('SIGTERM', stop).off('SIGHUP', stop);
    },
    served: async (answer) => {
      const { serve } = answer as { serve?: unknown };
      return serve ? servedLines(serve, terminalOf(stdout, env)) : [];
    },
  });
}

/** Resolves with the exit status. Rejects with a `Fault` when there is no status to show. */
export async function runStatus(options: StatusOptions, seat: StatusSeat): Promise<number> {
  const [{ askControl }, { readStatus }, { exitOfStatus }, { Output }] = await Promise.all([
    import('../../hw/controlClient.ts'),
    import('./status-read.ts'),
    import('./errors.ts'),
    import('./rows-output.ts'),
  ]);
  const answer = await askControl(await controlPath(options, 'status'), { do: 'status' });
  const status = readStatus(answer);
  const out = new Output(seat.stdout, () => {});
  if (options.json === true) {
    out.write(`${JSON.stringify(answer)}\n`);
  } else {
    const [{ drawStatus }, { terminalOf }] = await Promise.all([import('./draw-status.ts'), import('./draw.ts')]);
    const terminal = terminalOf(seat.stdout, seat.env);
    const { serve } = answer as { serve?: unknown };
    out.write(drawStatus(status, terminal, seat.nowMs(), serve ? await servedLines(serve, terminal) : []));
  }
  await out.finish();
  return exitOfStatus(status);
}

async function servedLines(serve: unknown, terminal: Terminal): Promise<string[]> {
  const { readServe, serveLines } = await import('./serve-status.ts');
  return serveLines(readServe(serve), terminal);
}
