import { Command } from 'commander';
import { controlPath, refuseBoth, type WhichUnit, withUnit } from './control-path.ts';
import type { StatusSeat } from './status.ts';

export interface HistoryOptions extends WhichUnit {
  group?: string;
  json?: boolean;
}

const HELP = `
Asks a unit at the far end of a link what it keeps of a volume's past: how far back, how large, and the bookmarks.

A moment is consistent when the volume held at that moment what the first volume held at one. After an outage that was
longer than the sender's buffers, blocks are read back from the first volume; until all of them have come the moments
between are inconsistent. They are listed so, and \`rewind\` refuses them unless it is forced.

With --group it tells of the moments that all volumes of a consistency group have in common: the sequences are places in
the order that their writes share, and a bookmark is one that was set for the group.

Examples
  tapmirror history --config far.yaml
  tapmirror history --group books --config far.yaml
  tapmirror history database --control /run/tapmirror.sock
  tapmirror history database -c far.yaml --json | jq -r '.bookmarks[] | "\\(.at) \\(.name)"'

Exit status: 0 shown, 1 failed, 2 the command line or the configuration is wrong, 4 no unit answers.
`;

/** `tapmirror history`. */
export function historyCommand(): Command {
  return withUnit(new Command('history').argument('[volume]', 'its name; may be left out where there is but one'))
    .description("Show what is kept of a volume's past: moments, size, bookmarks.")
    .option('--group <group>', 'of the volumes of this consistency group together')
    .option('--json', 'one JSON object on standard output')
    .addHelpText('after', HELP)
    .action((volume: string | undefined, options: HistoryOptions) =>
      runHistory(volume, options, { stdout: process.stdout, env: process.env, nowMs: Date.now }),
    );
}

/** Rejects with a `Fault` when there is nothing to show. */
export async function runHistory(volume: string | undefined, options: HistoryOptions, seat: StatusSeat): Promise<void> {
  const [{ askControl }, { readHistory }, { Output }] = await Promise.all([
    import('../../hw/controlClient.ts'),
    import('./history-read.ts'),
    import('./rows-output.ts'),
  ]);
  const { group } = options;
  await refuseBoth(volume, group, 'history');
  const named = volume === undefined ? {} : { volume };
  const request = { do: 'history', ...(group === undefined ? named : { group }) };
  const answer = await askControl(await controlPath(options, 'history'), request);
  const history = readHistory(answer);
  const out = new Output(seat.stdout, () => {});
  if (options.json === true) {
    out.write(`${JSON.stringify(answer)}\n`);
  } else {
    const [{ drawHistory }, { terminalOf }] = await Promise.all([import('./draw-history.ts'), import('./draw.ts')]);
    out.write(drawHistory(history, terminalOf(seat.stdout, seat.env), seat.nowMs()));
  }
  await out.finish();
}
