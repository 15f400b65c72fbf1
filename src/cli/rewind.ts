import { resolve } from 'node:path';
import { Command } from 'commander';
import type { ControlProgress } from '../../hw/controlWire.ts';
import { controlPath, refuseBoth, type WhichUnit, withUnit } from './control-path.ts';
import type { StatusSeat } from './status.ts';

export interface RewindOptions extends WhichUnit {
  to: string;
  out?: string;
  group?: string;
  inPlace?: boolean;
  yes?: boolean;
  force?: boolean;
  json?: boolean;
}

export interface RewindSeat extends StatusSeat {
  stderr: StatusSeat['stdout'];
  /** Asks whoever sits there; absent: nobody does. */
  confirm?: (question: string) => Promise<boolean>;
}

/** A unit whose disk is slow is given so long to say that it is still there. */
const ANSWER_MS = 60_000;

const HELP = `
Has a unit at the far end of a link write a volume as it was at a moment into a new file, an image with holes where there
are zeros. Mirroring goes on meanwhile, and nothing of what is kept is changed.

WHEN is a bookmark, a sequence (both as \`tapmirror history\` shows them), or a time: the last moment that is not after it.
  before-upgrade                       a bookmark
  48213                                a sequence
  2026-03-01T14:05:00Z                 ISO 8601; without a zone it is this machine's own
  "2026-03-01 14:05"
  "10 minutes ago", -15m, -2h30m       before now
  "yesterday 14:00", "friday 9:30"     the last one
A bookmark comes before a sequence, a sequence before a time; mark:NAME, seq:NUMBER and time:WHEN say what is meant.

With --group the moment is one of all the volumes of a consistency group, and --out is a new folder with an image of each.

With --in-place nothing is written: the volume itself goes back, everything newer is dropped for good. It asks before,
unless --yes is given. A unit that sends the volume compares all of it afterwards and brings it up to date again: stop
that unit first where the older contents are to stay.

The file is written by the unit, and must not be there. A moment that is inconsistent (see \`tapmirror history --help\`) is
refused unless it is forced.

Examples
  tapmirror rewind database --to before-upgrade --out /srv/before.img --config far.yaml
  tapmirror rewind --group books --to month-end --out /srv/month-end --config far.yaml
  tapmirror rewind database --to 48213 --in-place --config far.yaml
  tapmirror rewind database --to -15m --out quarter.img --control /run/tapmirror.sock

Exit status: 0 written, 1 failed (the line on standard error says why), 2 the command line or the configuration is wrong,
4 no unit answers.
`;

/** `tapmirror rewind`. */
export function rewindCommand(): Command {
  return withUnit(new Command('rewind').argument('[volume]', 'its name; may be left out where there is but one'))
    .description('Write a volume as it was at a moment into a new file, or bring the volume itself back there.')
    .requiredOption('--to <when>', 'a bookmark, a sequence or a time')
    .option('--out <path>', 'the image, which is made')
    .option('--group <group>', 'all volumes of this consistency group; --out is a folder then')
    .option('--in-place', 'bring the volume itself back, and drop what is newer')
    .option('--yes', 'do not ask')
    .option('--force', 'a moment that is inconsistent, too')
    .option('--json', 'one JSON object on standard output')
    .addHelpText('after', HELP)
    .action((volume: string | undefined, options: RewindOptions) => {
      const { stdin, stdout, stderr, env } = process;
      const confirm = async (question: string) => (await import('../../hw/askYes.ts')).askYes(question);
      const asks = stdin.isTTY === true && stderr.isTTY === true ? { confirm } : {};
      return runRewind(volume, options, { stdout, stderr, env, nowMs: Date.now, ...asks });
    });
}

/** Rejects with a `Fault` when the image was not written. */
export async function runRewind(volume: string | undefined, options: RewindOptions, seat: RewindSeat): Promise<void> {
  const [{ askControl }, { readMoment }, { readMomentWords }, { Output }, { UsageFault }] = await Promise.all([
    import('../../hw/controlClient.ts'),
    import('./moment.ts'),
    import('./history-read.ts'),
    import('./rows-output.ts'),
    import('./errors.ts'),
  ]);
  const { group, inPlace = false, yes = false } = options;
  await refuseBoth(volume, group, 'rewind');
  const wrong = usage(options);
  if (wrong !== undefined) throw new UsageFault(wrong, 'see `tapmirror rewind --help`');
  const to = await readMoment(options.to, seat.nowMs());
  const path = await controlPath(options, 'rewind');
  const named = group === undefined ? (volume === undefined ? {} : { volume }) : { group };
  const order = { ...named, to, force: options.force === true };
  const output = new Output(seat.stdout, () => {});
  const tell = async (answer: unknown, line: () => Promise<string> | string): Promise<void> => {
    output.write(options.json === true ? `${JSON.stringify(answer)}\n` : await line());
    await output.finish();
  };
  if (inPlace) {
    const { rewindInPlace } = await import('./rewind-in-place.ts');
    const ask = (request: { do: string }): Promise<unknown> => askControl(path, { ...order, ...request }, ANSWER_MS);
    const { answer, line } = await rewindInPlace(ask, yes, seat);
    return tell(answer, () => line);
  }
  const out = resolve(options.out ?? '');
  const bar = seat.stderr.isTTY === true ? await progressBar(seat) : undefined;
  let answer: unknown;
  try {
    answer = await askControl(path, { do: 'rewind', ...order, out }, ANSWER_MS, bar?.show);
  } finally {
    bar?.clear();
  }
  await tell(answer, async () => {
    const { plain } = await import('./draw-words.ts');
    const { at, sequence, consistent } = readMomentWords(answer);
    const doubt = consistent ? '' : ', inconsistent';
    return `${plain(out)}: as of ${plain(at ?? 'before anything came')}, sequence ${sequence}${doubt}\n`;
  });
}

/** What is wrong with the command line. */
function usage({ to, out, group, inPlace = false, yes }: RewindOptions): string | undefined {
  if (to.trim() === '' || out === '') return 'an empty --to or --out';
  if (inPlace && out !== undefined) return '--in-place writes no image, and --out names one';
  if (inPlace && group !== undefined) return '--in-place takes one volume at a time, and --group names several';
  if (yes === true && !inPlace) return '--yes answers what only --in-place asks';
  return inPlace || out !== undefined ? undefined : 'neither --out nor --in-place';
}

async function progressBar(seat: RewindSeat): Promise<{ show: (told: ControlProgress) => void; clear: () => void }> {
  const [{ ProgressLine, writingWords }, { terminalOf }] = await Promise.all([
    import('./progress.ts'),
    import('./draw.ts'),
  ]);
  const write = (text: string): void => void seat.stderr.write(text);
  const line = new ProgressLine(write, terminalOf(seat.stderr, seat.env), writingWords);
  return { show: (told) => line.show(told, performance.now()), clear: () => line.clear() };
}
