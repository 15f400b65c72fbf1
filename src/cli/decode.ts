import { Command, InvalidArgumentError, Option } from 'commander';
import type { DecodeOptions } from './rows-decode.ts';
import { type Moment, parseMoment } from './rows-filter.ts';

const HELP = `
One row per SCSI command, in the order of the commands. A SOURCE is a pcap or
pcapng file, plain or gzip, or - for standard input; several are read as one
stream of time. A trace of a parallel SCSI bus is a source too: VCD, scsimon's
JSON, or the bytes of a probe; FRAME is then the number of the sample. So is
probe:PORT, a live probe on a serial port, until SIGINT (Ctrl-C) ends it;
"tapmirror doctor" lists the ports.

Columns
  TIME      seconds since the first frame
  FRAME     number of the frame (from 1) that holds the end of the command
  STREAM    TCP connections in order of appearance, from 0
  LU        TARGET-NAME/LUN, or IP:PORT/LUN where no login was seen
  LBN       first logical block; BLOCKS: how many
  EDTL      bytes the host expected to move (Expected Data Transfer Length);
            DATA: bytes that were seen
  DIR       r: to the host, w: to the target, bidi, -: no data
  LATENCY   from the command to its status
  STATUS    with its sense in words, or why no status was seen

--tsv gives every field under a header row (latency_us in microseconds, time
in seconds since 1970); --json gives one object a line, with units in the
names. What is absent is empty in TSV and null in JSON.

Times for --from and --to: seconds since the first frame (12.5), or a date and
time such as 2026-05-04T10:15:00.250Z (UTC unless it ends in an offset such as
+02:00). Both ends are included.

Examples
  tapmirror decode night.pcap.gz | less -S
  tapmirror decode --nature write --lu '*/1' night.pcapng
  tapmirror decode --host 'iqn.*:web*' --from 12.5 --to 13 night.pcap
  tapmirror decode --phases bus.vcd.gz | less -S
  tapmirror decode probe:/dev/ttyACM0
  tapmirror decode --json night.pcap | jq 'select(.latencyNs > 1e7)'
  ssh tap tcpdump -w - port 3260 | tapmirror decode -

Exit status: 0 done (a file that ends inside a record is used up to there and
named on standard error), 1 a source is missing or has no readable header, 2
wrong usage.
`;

/** `tapmirror decode SOURCE...`. */
export function decodeCommand(): Command {
  return new Command('decode')
    .summary('show every SCSI command of a capture, one per row')
    .description('Show every SCSI command of a capture, one per row.')
    .argument('<source...>', 'capture files, or - for standard input')
    .addOption(new Option('--tsv', 'tab-separated values with a header row').conflicts('json'))
    .option('--json', 'JSON Lines: one object per command')
    .addOption(
      new Option('--phases', 'every phase of a parallel bus in place of its commands').conflicts([
        'lu',
        'host',
        'nature',
      ]),
    )
    .option('--lu <lu>', 'only this LU, as shown in the LU column; * stands for anything')
    .option('--host <host>', 'only this host (initiator name or address); * stands for anything')
    .addOption(new Option('--nature <nature>', 'only commands of this nature').choices(['read', 'write', 'control']))
    .option('--from <time>', 'only commands sent at or after this time', momentArgument)
    .option('--to <time>', 'only commands sent at or before this time', momentArgument)
    .addHelpText('after', HELP)
    .action(async (sources: string[], options: DecodeOptions & { phases?: boolean }) => {
      const [{ processSeat }, { runDecode }] = await Promise.all([
        import('./rows-inspect.ts'),
        import('./rows-decode.ts'),
      ]);
      if (options.phases === true) {
        const { runPhases } = await import('./rows-phases.ts');
        const format = options.json === true ? 'json' : options.tsv === true ? 'tsv' : 'table';
        await runPhases(sources, format, await processSeat());
        return;
      }
      await runDecode(sources, options, await processSeat());
    });
}

function momentArgument(text: string): Moment {
  const moment = parseMoment(text);
  if (moment !== undefined) return moment;
  throw new InvalidArgumentError('Write seconds since the start (12.5) or a date and time (2026-05-04T10:15:00Z)');
}
