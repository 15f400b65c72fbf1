import { Command } from 'commander';
import { controlPath, refuseBoth, type WhichUnit, withUnit } from './control-path.ts';
import type { Stream } from './rows-inspect.ts';

export interface MarkOptions extends WhichUnit {
  volume?: string;
  group?: string;
  json?: boolean;
}

/** What is decoded may take a moment to have been seen. */
const ANSWER_MS = 30_000;

const HELP = `
Sets a bookmark at the unit that is on the bus, behind every write that it has seen so far. It travels down the links with
the changes, and the far ends list it (\`tapmirror history\`) and can go back to it (\`tapmirror rewind --to NAME\`).

For a moment that applications can start from without a repair, let them write what they hold first (sync, FLUSH TABLES,
fsfreeze), set the bookmark, and let them go on. A later bookmark of the same name takes the place of the earlier one.

Examples
  tapmirror mark before-upgrade --config unit.yaml
  tapmirror mark "$(date +%F)" --control /run/tapmirror.sock --volume database
  tapmirror mark month-end --config unit.yaml --group books      one moment of all the volumes of the group

Exit status: 0 set, 1 failed, 2 the command line is wrong, 4 no unit answers.
`;

/** `tapmirror mark`. */
export function markCommand(): Command {
  return withUnit(new Command('mark').argument('<name>', 'what it is called: 1 to 64 characters, not a number'))
    .description('Set a bookmark that travels down the links.')
    .option('--volume <volume>', 'only at the volume of this LU or name (default: at all)')
    .option('--group <group>', 'at the volumes of this consistency group, at one moment of all of them')
    .option('--json', 'one JSON object on standard output')
    .addHelpText('after', HELP)
    .action((name: string, options: MarkOptions) => runMark(name, options, process.stdout));
}

/** Rejects with a `Fault` when it was not set. */
export async function runMark(name: string, options: MarkOptions, stdout: Stream): Promise<void> {
  const [{ askControl }, { Output }, { plain }] = await Promise.all([
    import('../../hw/controlClient.ts'),
    import('./rows-output.ts'),
    import('./draw-words.ts'),
  ]);
  const { volume, group } = options;
  await refuseBoth(volume, group, 'mark');
  const scope = group === undefined ? { ...(volume === undefined ? {} : { volume }) } : { group };
  const request = { do: 'mark', name, ...scope };
  const answer = (await askControl(await controlPath(options, 'mark'), request, ANSWER_MS)) as Record<string, unknown>;
  const { at, volumes } = answer ?? {};
  const count = Array.isArray(volumes) ? volumes.length : 0;
  const where = count === 1 ? '1 volume' : `${count} volumes`;
  const out = new Output(stdout, () => {});
  if (options.json === true) out.write(`${JSON.stringify(answer)}\n`);
  else out.write(`bookmark ${plain(name)} at ${plain(typeof at === 'string' ? at : '?')}, ${where}\n`);
  await out.finish();
}
