import { Command } from 'commander';
import { controlPath, type WhichUnit, withUnit } from './control-path.ts';
import type { Stream } from './rows-inspect.ts';
import { userName } from './user-name.ts';

export interface SteerOptions extends WhichUnit {
  mirror?: string;
  whole?: boolean;
  json?: boolean;
}

/** A medium that does not answer is waited for a while. */
const ANSWER_MS = 30_000;

const PAUSE_HELP = `
A paused mirror takes nothing. What it misses is in its record and brought up to date once it is resumed; hosts, and the other
mirrors, notice nothing. It stays paused when the unit is started again, and every report says who paused it and when. When the
command has ended nothing is under way to the mirror any more, unless it says otherwise; its medium stays open and locked.

Examples
  tapmirror pause --config unit.yaml                                       every mirror
  tapmirror pause database --mirror file:/srv/second.img --config unit.yaml
  tapmirror resume database --config unit.yaml

Exit status: 0 paused, 1 failed, 2 the command line or the configuration is wrong, 3 paused, but a write that was begun before
has not ended: the medium does not answer, 4 no unit answers.
`;

const RESUME_HELP = `
Lets mirrors go on that \`tapmirror pause\` has stopped. What they missed is read from the first volume: see \`tapmirror status\`.
A mirror that is paused because its medium is too small goes on by itself once that is mended.

Examples
  tapmirror resume --config unit.yaml                                      every mirror that is paused
  tapmirror resume database --mirror file:/srv/second.img --config unit.yaml

Exit status: 0 resumed, 1 failed, 2 the command line or the configuration is wrong, 4 no unit answers.
`;

const RESYNC_HELP = `
Has mirrors compared with the first volume, and copies what differs: what is marked in their records, which is what they were
given since they were last known to hold it, or with --whole everything. The unit does by itself whatever it knows to be needed;
this is for when somebody else wrote to a mirror. It goes on after a restart. \`tapmirror verify --repair\` reads as much, but
changes nothing before it has looked twice.

Examples
  tapmirror resync database --config unit.yaml
  tapmirror resync --whole --mirror file:/srv/second.img --config unit.yaml
  tapmirror jobs --config unit.yaml                                        how far it is

Exit status: 0 begun, 1 failed, 2 the command line or the configuration is wrong, 4 no unit answers.
`;

/** `tapmirror pause`. */
export function pauseCommand(): Command {
  return steering(new Command('pause').description('Have mirrors take nothing until they are resumed.'), PAUSE_HELP);
}

/** `tapmirror resume`. */
export function resumeCommand(): Command {
  return steering(new Command('resume').description('Let paused mirrors go on.'), RESUME_HELP);
}

/** `tapmirror resync`. */
export function resyncCommand(): Command {
  const command = new Command('resync')
    .description('Compare mirrors with the first volume again, and copy what differs.')
    .option('--whole', 'everything, not only what is marked');
  return steering(command, RESYNC_HELP);
}

function steering(command: Command, help: string): Command {
  return withUnit(command.argument('[volume]', 'its LU or name (default: every volume)'))
    .option('--mirror <url>', 'only this one, as it stands in the configuration')
    .option('--json', 'one JSON object on standard output')
    .addHelpText('after', help)
    .action(async (volume: string | undefined, options: SteerOptions) => {
      process.exitCode = await runSteer(command.name(), volume, options, process.stdout);
    });
}

/** Resolves with the exit status. Rejects with a `Fault` when nothing was done. */
export async function runSteer(
  order: string,
  volume: string | undefined,
  { mirror, whole, json, ...which }: SteerOptions,
  stdout: Stream,
): Promise<number> {
  const [{ askControl }, { EXIT }, { Output }] = await Promise.all([
    import('../../hw/controlClient.ts'),
    import('./errors.ts'),
    import('./rows-output.ts'),
  ]);
  const request = {
    do: order,
    by: userName(),
    ...(volume === undefined ? {} : { volume }),
    ...(mirror === undefined ? {} : { mirror }),
    ...(whole === true ? { whole } : {}),
  };
  const answer = await askControl(await controlPath(which, order), request, ANSWER_MS);
  const mirrors = mirrorsIn(answer);
  const out = new Output(stdout, () => {});
  if (json === true) out.write(`${JSON.stringify(answer)}\n`);
  else for (const line of await linesOf(mirrors)) out.write(`${line}\n`);
  await out.finish();
  return mirrors.some(({ underWay }) => underWay === true) ? EXIT.unresolved : EXIT.ok;
}

interface Steered {
  volume: string;
  mirror: string;
  state: string;
  behindBytes: number;
  underWay: boolean;
}

async function linesOf(mirrors: readonly Steered[]): Promise<string[]> {
  const { plain, sizeWords } = await import('./draw-words.ts');
  return mirrors.map(({ volume, mirror, state, behindBytes, underWay }) => {
    const late = underWay ? '; a write that was begun before has not ended, as its medium does not answer' : '';
    const behind = behindBytes > 0 ? `, ${sizeWords(behindBytes)} behind` : '';
    return plain(`${volume}: ${mirror} is ${state}${behind}${late}`);
  });
}

/** The unit may be of another version: what is missing is empty. */
function mirrorsIn(answer: unknown): Steered[] {
  const { mirrors } = (answer ?? {}) as { mirrors?: unknown };
  return (Array.isArray(mirrors) ? mirrors : []).map((one: unknown) => {
    const { volume, mirror, state, behindBytes, underWay } = (one ?? {}) as Record<string, unknown>;
    const bytes = typeof behindBytes === 'number' && behindBytes >= 0 ? behindBytes : 0;
    return {
      volume: String(volume ?? ''),
      mirror: String(mirror ?? ''),
      state: String(state ?? ''),
      behindBytes: bytes,
      underWay: underWay === true,
    };
  });
}
