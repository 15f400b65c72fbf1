import { Command, InvalidArgumentError } from 'commander';
import type { ExplainedMirror, ExplainReport } from '../unit/watch/explain.ts';
import { controlPath, type WhichUnit, withUnit } from './control-path.ts';
import { columns } from './draw.ts';
import { countWords, plain } from './draw-words.ts';
import type { Stream } from './rows-inspect.ts';

export interface ExplainOptions extends WhichUnit {
  volume?: string;
  json?: boolean;
}

const HELP = `
Asks a running unit what it knows of a block: which changes wrote it last, when
and from which host, where its copies are, and whether it is in doubt, and why.
At the unit of a volume that comes over a link: which entries of its past hold it.

A unit remembers the last 65,536 changes since it began; the sequence is the
unit's own. LBN counts the volume's logical blocks from 0.

What is said of a mirror's copy
  has      it has what the bus showed last
  queued   that is on its way to it
  doubt    it is not known to have it right: it is read back from the first volume
  recorded beside one of these: compared once more if the unit is killed now

Examples
  tapmirror explain 4096 --config unit.yaml
  tapmirror explain 4096 --volume database --control /run/tapmirror.sock --json

Exit status: 0 every mirror has the block, 1 failed, 2 the command line or the configuration is wrong,
3 it is in doubt or on its way at some mirror, 4 no unit answers.
`;

/** `tapmirror explain LBN`. */
export function explainCommand(): Command {
  return withUnit(new Command('explain').argument('<lbn>', 'the block', lbnArgument))
    .description('Tell what is known of a block: who wrote it, and where its copies are.')
    .option('--volume <volume>', 'its LU or name; may be left out where there is but one')
    .option('--json', 'one JSON object on standard output')
    .addHelpText('after', HELP)
    .action(async (lbn: number, options: ExplainOptions) => {
      process.exitCode = await runExplain(lbn, options, process.stdout);
    });
}

/** Resolves with the exit status. Rejects with a `Fault` where the unit knows no such block. */
export async function runExplain(lbn: number, options: ExplainOptions, stdout: Stream): Promise<number> {
  const [{ askControl }, { Output }, { EXIT }] = await Promise.all([
    import('../../hw/controlClient.ts'),
    import('./rows-output.ts'),
    import('./errors.ts'),
  ]);
  const named = options.volume === undefined ? {} : { volume: options.volume };
  const report = (await askControl(await controlPath(options, 'explain'), {
    do: 'explain',
    lbn,
    ...named,
  })) as ExplainReport;
  const out = new Output(stdout, () => {});
  out.write(options.json === true ? `${JSON.stringify(report)}\n` : drawExplain(report));
  await out.finish();
  return report.mirrors.every(({ copy }) => copy === 'has') && !report.underWay ? EXIT.ok : EXIT.unresolved;
}

function lbnArgument(text: string): number {
  const lbn = /^(0x[0-9a-f]+|\d+)$/i.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(lbn)) return lbn;
  throw new InvalidArgumentError('write a whole number, the block counted from 0');
}

/** A heading, the changes as a table, and a line for each mirror. */
export function drawExplain(report: ExplainReport): string {
  const { volume, lbn, blockSize, offset, changes, since, underWay, mirrors } = report;
  const head = `block ${lbn} of ${plain(volume)}: ${blockSize} bytes at byte ${countWords(offset)}`;
  const rows = changes.map(({ sequence, at, host, operation, lbn: from, blocks, doubt }) => {
    const where = blocks === null ? 'the whole LU' : `${from}+${blocks}`;
    return [plain(at), String(sequence), plain(operation) || '-', where, plain(host) || '-', doubt ?? ''];
  });
  const table = rows.length > 0 ? columns([['WRITTEN', 'SEQUENCE', 'BY', 'BLOCKS', 'HOST', 'DOUBT'], ...rows]) : [];
  const nothing = mirrors.some(({ entries }) => entries !== undefined)
    ? []
    : [`no write to it was seen since ${since === null ? 'the unit began' : plain(since)}`];
  const told = [
    ...(rows.length > 0 ? table : nothing),
    ...(underWay ? ['a write that may change it is under way'] : []),
  ];
  return `${[head, '', ...told, '', ...mirrors.flatMap(mirrorLines)].join('\n')}\n`;
}

const COPIES = { has: 'has it', queued: 'on its way', doubt: 'in doubt' } as const;

function mirrorLines({ to, copy, reasons, recorded, state, error, entries }: ExplainedMirror): string[] {
  const why = reasons.length > 0 ? ` (${reasons.join(', ')})` : '';
  const marked = recorded ? ', recorded' : '';
  const lines = [`${plain(to)}: ${COPIES[copy]}${why}${marked}; the mirror is ${state}`];
  if (error) lines.push(`  ${plain(error.message)}${error.mend === undefined ? '' : `; ${plain(error.mend)}`}`);
  if (entries?.length === 0) lines.push('  no entry of the past that is kept holds it');
  for (const { sequence, at, consistent } of entries ?? []) {
    lines.push(`  entry ${sequence} of ${plain(at)}${consistent ? '' : ', not a moment that the volume had'}`);
  }
  return lines;
}
