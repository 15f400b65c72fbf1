import { Command } from 'commander';
import { controlPath, type WhichUnit, withUnit } from './control-path.ts';
import type { Terminal } from './draw.ts';
import type { StatusSeat } from './status.ts';

export interface JobsOptions extends WhichUnit {
  json?: boolean;
}

const JOBS_HELP = `
Lists what a running unit is busy with for longer: mirrors that are copied or repaired (resync), comparisons (verify), images
that are written (rewind), volumes that are rolled back. Those that have ended are listed for a while, with what they came to.

Copies and repairs, and comparisons in the background, go on when the unit starts again; a mirror's record, or a note of where
they were, says from where. Rolling back is done whole or not at all. Images, and comparisons that somebody waits for, end with
the unit, and with whoever waits for them.

Examples
  tapmirror jobs --config unit.yaml
  tapmirror job cancel 3 --config unit.yaml
  tapmirror jobs --config unit.yaml --json | jq -r '.jobs[] | select(.state == "running") | "\\(.id) \\(.secondsLeft)"'

Exit status: 0 listed, 1 failed, 2 the command line or the configuration is wrong, 4 no unit answers.
`;

const CANCEL_HELP = `
Ends a job. What it has done already stays done, and an image that is half written is removed. A resync cannot be cancelled, as
the mirror needs it; \`tapmirror pause\` stops the mirror with it.

Examples
  tapmirror job cancel 3 --config unit.yaml

Exit status: 0 cancelled, 1 there is no such job, or it has ended, 2 the command line is wrong, 4 no unit answers.
`;

/** `tapmirror jobs`. */
export function jobsCommand(): Command {
  return withUnit(new Command('jobs').description('Show the long jobs of a running unit.'))
    .option('--json', 'one JSON object on standard output')
    .addHelpText('after', JOBS_HELP)
    .action((options: JobsOptions) => runJobs(options, { stdout: process.stdout, env: process.env, nowMs: Date.now }));
}

/** `tapmirror job`. */
export function jobCommand(): Command {
  const cancel = withUnit(new Command('cancel').argument('<id>', 'its number, as `tapmirror jobs` lists it'))
    .description('End a job.')
    .addHelpText('after', CANCEL_HELP)
    .action((id: string, options: WhichUnit) => runCancel(id, options));
  return new Command('job').description('End a long job of a running unit.').addCommand(cancel);
}

/** Rejects with a `Fault` when there is nothing to show. */
export async function runJobs(options: JobsOptions, seat: StatusSeat): Promise<void> {
  const [{ askControl }, { Output }, { terminalOf }] = await Promise.all([
    import('../../hw/controlClient.ts'),
    import('./rows-output.ts'),
    import('./draw.ts'),
  ]);
  const answer = await askControl(await controlPath(options, 'jobs'), { do: 'jobs' });
  const out = new Output(seat.stdout, () => {});
  if (options.json === true) out.write(`${JSON.stringify(answer)}\n`);
  else
    for (const line of await jobLines(answer, terminalOf(seat.stdout, seat.env), seat.nowMs())) out.write(`${line}\n`);
  await out.finish();
}

async function runCancel(id: string, options: WhichUnit): Promise<void> {
  const { askControl } = await import('../../hw/controlClient.ts');
  await askControl(await controlPath(options, 'job cancel'), { do: 'cancel', id });
}

/** The jobs of an answer, which may be of another version, as rows. */
export async function jobLines(answer: unknown, terminal: Terminal, nowMs: number): Promise<string[]> {
  const [{ columns, cut }, { plain, shareWords, sizeWords }, { ageWords }] = await Promise.all([
    import('./draw.ts'),
    import('./draw-words.ts'),
    import('./draw-status.ts'),
  ]);
  const { jobs } = (answer ?? {}) as { jobs?: unknown };
  const all = (Array.isArray(jobs) ? jobs : []) as Record<string, unknown>[];
  if (all.length === 0) return ['No long job is under way.'];
  const count = (value: unknown): number => (typeof value === 'number' && value >= 0 ? value : 0);
  const word = (value: unknown): string => (typeof value === 'string' ? plain(value) : '');
  return columns([
    ['ID', 'JOB', 'STATE', 'PROGRESS', 'RATE', 'LEFT', 'SINCE', 'OF'],
    ...all.map((job) => {
      const [done, total, rate] = [count(job.done), count(job.total), count(job.bytesPerSecond)];
      const share = total > 0 ? `${shareWords(Math.min(1, done / total))} of ${sizeWords(total)}` : sizeWords(done);
      const of = [word(job.volume), word(job.mirror), word(job.why), word(job.found)]
        .filter((one) => one !== '')
        .join(' ');
      const left = typeof job.secondsLeft === 'number' ? leftWords(job.secondsLeft) : '-';
      return [
        word(job.id),
        word(job.kind),
        word(job.state),
        share,
        rate > 0 ? `${sizeWords(rate)}/s` : '-',
        left,
        ageWords(word(job.since), nowMs),
        cut(of, Math.max(20, terminal.width - 60), 'tail', terminal),
      ];
    }),
  ]);
}

function leftWords(seconds: number): string {
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return `${Math.round(seconds / 3600)} h`;
}
