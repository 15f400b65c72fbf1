import { Command } from 'commander';
import type { ControlProgress } from '../../hw/controlWire.ts';
import { controlPath, type WhichUnit, withUnit } from './control-path.ts';
import type { RewindSeat } from './rewind.ts';

export interface VerifyOptions extends WhichUnit {
  mirror?: string;
  repair?: boolean;
  background?: boolean;
  json?: boolean;
}

/** A unit whose disk is slow is given so long to say that it is still there. */
const ANSWER_MS = 60_000;
/** Ranges that are shown of each mirror. */
const SHOWN = 20;

const HELP = `
Has a running unit read the volume and its mirrors and compare them, in the background and no faster than "resync" in its
configuration allows (64 MiB a second without it). Hosts, and mirroring, go on. A block that is being written, or waits for
its turn, is compared again later; what differs is read again on both sides before it is called different. The first volume
is only ever read; a volume without one has its mirrors compared with the local one.

Ctrl-C ends the comparison, and so does an end of the unit. With --background nobody waits for it: it is a job, which
\`tapmirror jobs\` shows and \`tapmirror job cancel\` ends; it waits for a mirror that is away, and goes on from about where it
was when the unit starts again. What it found stands in \`tapmirror jobs\`, in the log (verified) and in the metrics.

With --repair what differs enters the mirror's record, and is brought up to date from the first
volume as everything in it is: see \`tapmirror status\`.

Examples
  tapmirror verify --config unit.yaml
  tapmirror verify --background --config unit.yaml
  tapmirror verify database --mirror file:/srv/second.img --repair --control /run/tapmirror.sock

Exit status: 0 everything was compared and is equal, 1 failed (the line on standard error says why), 2 the command line or
the configuration is wrong, 3 something differs, or could not be compared, 4 no unit answers.
`;

/** `tapmirror verify`. */
export function verifyCommand(): Command {
  return withUnit(new Command('verify').argument('[volume]', 'its LU or name; may be left out where there is but one'))
    .description('Compare the mirrors of a volume with it.')
    .option('--mirror <url>', 'only this one, as it stands in the configuration')
    .option('--repair', 'bring what differs up to date')
    .option('--background', 'begin it as a job that goes on by itself, also after a restart of the unit')
    .option('--json', 'one JSON object on standard output')
    .addHelpText('after', HELP)
    .action(async (volume: string | undefined, options: VerifyOptions) => {
      const { stdout, stderr, env } = process;
      process.exitCode = await runVerify(volume, options, { stdout, stderr, env, nowMs: Date.now });
    });
}

/** The exit status. Rejects with a `Fault` when nothing could be compared. */
export async function runVerify(volume: string | undefined, options: VerifyOptions, seat: RewindSeat): Promise<number> {
  const [{ askControl }, { Output }, { EXIT }, { readBegun, readVerify, verifyLines }] = await Promise.all([
    import('../../hw/controlClient.ts'),
    import('./rows-output.ts'),
    import('./errors.ts'),
    import('./verify-read.ts'),
  ]);
  const path = await controlPath(options, 'verify');
  const named = {
    ...(volume === undefined ? {} : { volume }),
    ...(options.mirror === undefined ? {} : { mirror: options.mirror }),
  };
  if (options.background === true) {
    const request = { do: 'verify', ...named, repair: options.repair === true, background: true };
    const begun = readBegun(await askControl(path, request, ANSWER_MS));
    const line = `job ${begun.id} compares; see \`tapmirror jobs\``;
    seat.stdout.write(`${options.json === true ? JSON.stringify(begun) : line}\n`);
    return EXIT.ok;
  }
  const bar = seat.stderr.isTTY === true ? await progressBar(seat) : undefined;
  let answer: unknown;
  try {
    const request = { do: 'verify', ...named, repair: options.repair === true };
    answer = await askControl(path, request, ANSWER_MS, bar?.show);
  } finally {
    bar?.clear();
  }
  const report = readVerify(answer);
  const output = new Output(seat.stdout, () => {});
  if (options.json === true) output.write(`${JSON.stringify(answer)}\n`);
  else for (const line of verifyLines(report, SHOWN)) output.write(`${line}\n`);
  await output.finish();
  return report.equal ? EXIT.ok : EXIT.unresolved;
}

async function progressBar(seat: RewindSeat): Promise<{ show: (told: ControlProgress) => void; clear: () => void }> {
  const [{ ProgressLine, comparingWords }, { terminalOf }] = await Promise.all([
    import('./progress.ts'),
    import('./draw.ts'),
  ]);
  const write = (text: string): void => void seat.stderr.write(text);
  const line = new ProgressLine(write, terminalOf(seat.stderr, seat.env), comparingWords);
  return { show: (told) => line.show(told, performance.now()), clear: () => line.clear() };
}
