import { resolve } from 'node:path';
import { Command } from 'commander';
import type { ControlProgress } from '../../hw/controlWire.ts';
import { controlPath, type WhichUnit, withUnit } from './control-path.ts';
import type { StatusSeat } from './status.ts';

export interface RewindOptions extends WhichUnit {
  to: string;
  out: string;
  force?: boolean;
  json?: boolean;
}

export interface RewindSeat extends StatusSeat {
  stderr: StatusSeat['stdout'];
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

The file is written by the unit, and must not be there. A moment that is inconsistent (see \`tapmirror history --help\`) is
refused unless it is forced.

Examples
  tapmirror rewind database --to before-upgrade --out /srv/before.img --config far.yaml
  tapmirror rewind database --to -15m --out quarter.img --control /run/tapmirror.sock

Exit status: 0 written, 1 failed (the line on standard error says why), 2 the command line or the configuration is wrong,
4 no unit answers.
`;

/** `tapmirror rewind`. */
export function rewindCommand(): Command {
  return withUnit(new Command('rewind').argument('[volume]', 'its name; may be left out where there is but one'))
    .description('Write a volume as it was at a moment into a new file.')
    .requiredOption('--to <when>', 'a bookmark, a sequence or a time')
    .requiredOption('--out <path>', 'the image, which is made')
    .option('--force', 'a moment that is inconsistent, too')
    .option('--json', 'one JSON object on standard output')
    .addHelpText('after', HELP)
    .action((volume: string | undefined, options: RewindOptions) => {
      const { stdout, stderr, env } = process;
      return runRewind(volume, options, { stdout, stderr, env, nowMs: Date.now });
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
  if (options.to.trim() === '' || options.out === '') {
    throw new UsageFault('an empty --to or --out', 'see `tapmirror rewind --help`');
  }
  const to = await readMoment(options.to, seat.nowMs());
  const out = resolve(options.out);
  const path = await controlPath(options, 'rewind');
  const named = volume === undefined ? {} : { volume };
  const bar = seat.stderr.isTTY === true ? await progressBar(seat) : undefined;
  let answer: unknown;
  try {
    const request = { do: 'rewind', ...named, to, out, force: options.force === true };
    answer = await askControl(path, request, ANSWER_MS, bar?.show);
  } finally {
    bar?.clear();
  }
  const output = new Output(seat.stdout, () => {});
  if (options.json === true) {
    output.write(`${JSON.stringify(answer)}\n`);
  } else {
    const { plain } = await import('./draw-words.ts');
    const { at, sequence, consistent } = readMomentWords(answer);
    const doubt = consistent ? '' : ', inconsistent';
    output.write(`${plain(out)}: as of ${plain(at ?? 'before anything came')}, sequence ${sequence}${doubt}\n`);
  }
  await output.finish();
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
