import { Command } from 'commander';
import type { StatOptions } from './draw-stat-run.ts';

const HELP = `
Everything is learned from the traffic alone. A SOURCE is a pcap or pcapng
file, plain or gzip, or - for standard input, or a trace of a parallel SCSI
bus (VCD, scsimon's JSON, the bytes of a probe); several are read as one stream
of time. probe:PORT is a live probe on a serial port: SIGINT (Ctrl-C) ends it
and shows what was counted.

What is shown
  natures         reads, writes and control commands: how many, bytes of
                  payload, rate over the whole span, and latency from command
                  to status as percentiles (p99: 99% of the commands were
                  faster or as fast)
  rate            bytes a second over time, one mark per interval
  transfer sizes  commands by the bytes the host expected to move, in powers
                  of two
  queue depth     commands outstanding at the LU when a command was sent,
                  itself included
  outcomes        every status that is not success, with its sense in words;
                  commands whose status was not seen
  holes           bytes that were on the bus but not in the capture
  hosts, LUs      the same per host, per target and per LU; hot regions: where
                  on the LU most commands begin; sequential: share of commands
                  that begin where an earlier one ended

MB/s are millions of bytes a second; KiB and MiB are powers of 1,024.
Percentiles are within 1% of the true value.

--json gives one object with everything, for hosts at LUs too, units in the
names (latencyNs, bytesPerSecond).

Examples
  tapmirror stat night.pcap
  tapmirror stat --lu 'iqn.2004-01.com.example:store/0' night-1.pcap night-2.pcap
  tapmirror stat probe:/dev/ttyACM0
  tapmirror stat --host '*web*' --json night.pcap.gz | jq .total.natures.read.latencyNs.p99

Exit status: 0 done (a file that ends inside a record is used up to there and
named on standard error), 1 a source is missing or has no readable header, 2
wrong usage.
`;

/** `tapmirror stat SOURCE...`. */
export function statCommand(): Command {
  return new Command('stat')
    .summary('sum up a capture: rate, latency, sizes, hot regions, errors')
    .description('Sum up a capture: rate, latency, transfer sizes, queue depth, hot regions, errors.')
    .argument('<source...>', 'capture files, or - for standard input')
    .option('--json', 'one JSON object')
    .option('--host <host>', 'only this host (initiator name or address); * stands for anything')
    .option('--lu <lu>', 'only this LU (TARGET-NAME/LUN or IP:PORT/LUN); * stands for anything')
    .addHelpText('after', HELP)
    .action(async (sources: string[], options: StatOptions) => {
      const [{ processSeat }, { runStat }] = await Promise.all([
        import('./rows-inspect.ts'),
        import('./draw-stat-run.ts'),
      ]);
      await runStat(sources, options, await processSeat());
    });
}
