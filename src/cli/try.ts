import { Command, InvalidArgumentError } from 'commander';
import type { TryOptions } from './draw-try-run.ts';

const HELP = `
Tells from captures what mirroring this bus would need, before any mirror is bought. A SOURCE is what \`tapmirror stat\` takes;
a capture of the busiest hour tells more than one of a quiet day.

What is shown for the bus and for each LU
  writes         what hosts wrote: how much, at what rate, and in the worst second, ten seconds and minute
  link           what a link to another site must carry so that no change is later there than the recovery point
                 (bits a second, without compression), and how much waits at the sender meanwhile: \`buffer\`
  history        what the queue of a far end that keeps the past grows by
  written to     chunks of 64 KiB: \`record.hotBytes\` of this size makes the record cheapest
  read back      commands whose effect is not in their data (EXTENDED COPY, WRITE LONG, FORMAT UNIT, ...): mirrors need
                 \`first\` to follow them
  unknown        commands that no standard defines but that carried data to the volume: each makes it be compared whole

Examples
  tapmirror try busy-hour.pcap
  tapmirror try --recovery 5s --recovery 15min monday.pcap.gz
  tapmirror try --json bus.pcap | jq '.total.links'

Exit status: 0 done, 1 a source is missing or has no readable header, 2 wrong usage.
`;

/** A second, ten, a minute, a quarter of an hour. */
const RECOVERY_SECONDS: readonly number[] = [1, 10, 60, 900];

/** `tapmirror try SOURCE...`. */
export function tryCommand(): Command {
  return new Command('try')
    .description('Tell from a capture what mirroring this bus would need: rates, bursts, links, history.')
    .argument('<source...>', 'capture files, or - for standard input')
    .option('--recovery <time>', 'a recovery point that a link is wanted for, such as 5s or 15min; repeatable', span)
    .option('--lu <lu>', 'only this LU (TARGET-NAME/LUN or IP:PORT/LUN); * stands for anything')
    .option('--host <host>', 'only this host (initiator name or address); * stands for anything')
    .option('--json', 'one JSON object')
    .addHelpText('after', HELP)
    .action(async (sources: string[], { recovery, ...options }: TryOptions & { recovery?: number[] }) => {
      const [{ processSeat }, { runTry }] = await Promise.all([
        import('./rows-inspect.ts'),
        import('./draw-try-run.ts'),
      ]);
      await runTry(sources, { ...options, recoverySeconds: recovery ?? RECOVERY_SECONDS }, await processSeat());
    });
}

/** Commander calls it for each `--recovery`. */
function span(words: string, before: number[] = []): number[] {
  const match = /^(\d{1,9}(?:\.\d{1,6})?)(ms|s|min|m|h|d)$/.exec(words.trim());
  const seconds = match === null ? 0 : Number(match[1]) * SECONDS[match[2]];
  if (seconds > 0) return [...before, seconds];
  throw new InvalidArgumentError('Write a number and a unit: 500ms, 5s, 15min, 1h.');
}

const SECONDS: Readonly<Record<string, number>> = { ms: 0.001, s: 1, m: 60, min: 60, h: 3600, d: 86_400 };
