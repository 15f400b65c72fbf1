import { Command } from 'commander';
import { controlPath, type WhichUnit, withUnit } from './control-path.ts';
import type { Stream } from './rows-inspect.ts';

export interface DrainOptions extends WhichUnit {
  within?: string;
  json?: boolean;
}

/** A unit whose disk is slow is given so long to say that it is still there. */
const ANSWER_MS = 60_000;
const HOUR_S = 3600;
const WEEK_S = 7 * 24 * HOUR_S;

const HELP = `
Ends a running unit, without loss of time for hosts and of work for mirrors: it lets go of the bus, writes everything that is
buffered, makes the mirrors durable, and ends with exit status 0. Unlike SIGTERM it waits for slow mirrors, as long as --within
allows. What is being copied or repaired is not waited for: it is in the record, and goes on at the next start. SIGTERM, twice,
ends the unit at once all the same.

Examples
  tapmirror drain --config unit.yaml
  tapmirror drain --within 600 --control /run/tapmirror.sock

Exit status: 0 everything that was buffered is written, and the unit has ended, 1 it has ended, but not all could be written,
2 the command line or the configuration is wrong, 4 no unit answers.
`;

/** `tapmirror drain`. */
export function drainCommand(): Command {
  return withUnit(new Command('drain').description('Write what is buffered, and end a running unit.'))
    .option('--within <seconds>', `at most so long (default: ${HOUR_S})`)
    .option('--json', 'one JSON object on standard output')
    .addHelpText('after', HELP)
    .action((options: DrainOptions) => runDrain(options, process.stdout));
}

/** Rejects with a `Fault` when not everything was written. */
export async function runDrain({ within, json, ...which }: DrainOptions, stdout: Stream): Promise<void> {
  const seconds = within === undefined ? HOUR_S : Number(within);
  if (!Number.isInteger(seconds) || seconds < 1 || seconds > WEEK_S) {
    const { UsageFault } = await import('./errors.ts');
    throw new UsageFault(`${JSON.stringify(within)} is no count of seconds`, `write 1 to ${WEEK_S}`);
  }
  const [{ askControl }, { Output }, { plain, sizeWords }] = await Promise.all([
    import('../../hw/controlClient.ts'),
    import('./rows-output.ts'),
    import('./draw-words.ts'),
  ]);
  const request = { do: 'drain', withinMs: seconds * 1000 };
  const answer = await askControl(await controlPath(which, 'drain'), request, ANSWER_MS);
  const out = new Output(stdout, () => {});
  if (json === true) out.write(`${JSON.stringify(answer)}\n`);
  else {
    out.write('drained: everything that was buffered is written\n');
    const { mirrors } = (answer ?? {}) as { mirrors?: unknown };
    for (const one of Array.isArray(mirrors) ? (mirrors as Record<string, unknown>[]) : []) {
      const behind = typeof one.behindBytes === 'number' ? one.behindBytes : 0;
      const words = behind > 0 ? `${sizeWords(behind)} in its record, for the next start` : 'nothing outstanding';
      out.write(`  ${plain(String(one.mirror))}: ${words}\n`);
    }
  }
  await out.finish();
}
