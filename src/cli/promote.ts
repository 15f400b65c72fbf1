import { Command } from 'commander';
import { controlPath, type WhichUnit, withUnit } from './control-path.ts';
import type { Stream } from './rows-inspect.ts';

export interface PromoteOptions extends WhichUnit {
  force?: boolean;
  json?: boolean;
}

/** What is under way at the mirror ends first. */
const ANSWER_MS = 60_000;

const HELP = `
After the first volume is lost: the unit stops mirroring into the mirrors of the volume that it serves (serve.targets, a
logical unit with "mirror": URL), and lets hosts write to them there: under the serial number and designators (VPD page 83h)
of the first volume as the unit met it last ("identity": "first"), or those that the configuration gives ("serial", "naa"), so
that a host finds its disk again. It stays so when the unit is started again, until \`tapmirror demote\`.

A mirror that is not equal to the first volume as far as that was seen is refused, unless it is forced.

At the far end of a link the same is done with a volume whose past is kept there ("received": NAME): nobody sends it any more,
hosts find its newest moment, and what they write is part of its past.

Examples
  tapmirror promote iqn.2024-01.example:disks/1 --config unit.yaml
  tapmirror promote database --force --control /run/tapmirror.sock

Exit status: 0 promoted, 1 failed (the line on standard error says why), 2 the command line is wrong, 4 no unit answers.
`;

const DEMOTE_HELP = `
Makes promoted mirrors of a volume mirrors again. Hosts can only read them from then on, and they are brought up to date from
the first volume where either of the two was written meanwhile: what hosts wrote to the mirror is given up there. A volume that
comes over a link may be sent again, and its sender compares all of it.

Examples
  tapmirror demote database --config unit.yaml

Exit status: as for \`tapmirror promote\`.
`;

/** `tapmirror promote`. */
export function promoteCommand(): Command {
  return withUnit(new Command('promote').argument('<volume>', "its LU or name, or a mirror's URL"))
    .description('Let hosts write to the served mirrors of a volume, in place of the first volume.')
    .option('--force', 'a mirror that is not equal, too')
    .option('--json', 'one JSON object on standard output')
    .addHelpText('after', HELP)
    .action((volume: string, options: PromoteOptions) => runPromotion('promote', volume, options, process.stdout));
}

/** `tapmirror demote`. */
export function demoteCommand(): Command {
  return withUnit(new Command('demote').argument('<volume>', "its LU or name, or a mirror's URL"))
    .description('Make promoted mirrors of a volume mirrors again.')
    .option('--json', 'one JSON object on standard output')
    .addHelpText('after', DEMOTE_HELP)
    .action((volume: string, options: PromoteOptions) => runPromotion('demote', volume, options, process.stdout));
}

/** Rejects with a `Fault` when it was not done. */
export async function runPromotion(
  what: 'promote' | 'demote',
  volume: string,
  options: PromoteOptions,
  stdout: Stream,
): Promise<void> {
  const [{ askControl }, { Output }, { plain }] = await Promise.all([
    import('../../hw/controlClient.ts'),
    import('./rows-output.ts'),
    import('./draw-words.ts'),
  ]);
  const request = { do: what, volume, force: options.force === true };
  const answer = await askControl(await controlPath(options, what), request, ANSWER_MS);
  const out = new Output(stdout, () => {});
  if (options.json === true) out.write(`${JSON.stringify(answer)}\n`);
  else {
    for (const { mirror, target, lun } of Array.isArray(answer) ? (answer as Record<string, unknown>[]) : []) {
      const state = what === 'promote' ? 'hosts can write to it' : 'a mirror again';
      out.write(`${plain(String(mirror))}: ${state}, as ${plain(String(target))}/${plain(String(lun))}\n`);
    }
  }
  await out.finish();
}
