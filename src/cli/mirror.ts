import { Command, Option } from 'commander';
import type { Log, LogLevel } from '../../hw/log.ts';
import type { ReplayConfig } from '../unit/config/config.ts';
import type { ReplayHooks, UnitReport } from '../unit/replay/report.ts';
import type { Stream } from './rows-inspect.ts';

export interface MirrorOptions {
  config: string;
  json?: boolean;
  log?: LogLevel;
}

/** Where the command reads and shows: the process's own, or a test's. */
export interface MirrorSeat {
  stdout: Stream;
  stderr: Stream;
  env: Record<string, string | undefined>;
  replay: (config: ReplayConfig, hooks: ReplayHooks) => Promise<UnitReport>;
  /** Calls `stop` for every SIGINT and SIGTERM until the returned function is called. */
  onStop: (stop: () => void) => () => void;
  /** Ends the process at once. */
  exit: (code: number) => void;
}

const HELP = `
Reads captured iSCSI traffic and repeats every write of the configured volumes onto their mirrors. A mirror must hold
what its volume held when the capture began. Writes whose bytes or outcome the capture does not prove are kept as
LBN-only: their blocks are read back from the first volume if one is named, else reported as unresolved.

Configuration (JSON or YAML; relative paths start at the file's own folder)
  source:
    replay: [a.pcap, b.pcapng.gz]      one stream of time; "-" is standard input; or traces of a parallel SCSI bus:
                                       VCD, scsimon's JSON, the bytes of a probe (volumes are then scsi:ID/LUN)
    signals:                           names in a VCD that are not the usual ones (optional)
      REQ: {name: nREQ, active: low}
  volumes:
    - lu: iqn.2024-01.example:disks/1  TARGET-NAME/LUN, or IP:PORT/LUN where no login was captured
      mirrors: ["file:second.img"]     files or block devices
      first: file:/dev/sdb             the first volume, to read back from (optional)
      portals: ["10.0.0.1:3260"]       where the target listens (optional; IPv6 in brackets)
      blockSize: 512                   bytes (optional: learned from the bus)
      blocks: 2097152                  capacity in blocks (optional: learned from the bus)
  buffer:                              optional
    bytes: 32MiB                       number, or text with B, KiB, MiB, GiB, kB, MB, GB
    threshold: 0.25                    share kept free before changes are kept LBN-only
    whenFull: wait                     wait: reading pauses; lbn: changes are kept LBN-only, as on a live bus
  settleMs: 30000                      milliseconds after which a write in doubt can no longer land
  reorder: {ms: 500, bytes: 2MiB}      how long and how far packets may be out of order

Examples
  tapmirror mirror --config unit.yaml
  tapmirror mirror --config unit.json --json | jq '.volumes[].unresolved'

Exit status: 0 every mirror equals its volume as far as the capture tells, 1 failed (a file is missing, a mirror broke,
a configured volume was never seen while others were written), 2 the command line or the configuration is wrong,
3 some blocks are unresolved, or SIGINT or SIGTERM ended the run early with the report so far (a second one: 130, at once).
`;

/** `tapmirror mirror --config FILE`. */
export function mirrorCommand(): Command {
  return new Command('mirror')
    .description('Repeat every write of a capture onto mirrors.')
    .requiredOption('-c, --config <file>', 'what to read and where to mirror, JSON or YAML')
    .option('--json', 'the report as one JSON object on standard output')
    .addOption(
      new Option('--log <level>', 'structured log lines on standard error').choices(['error', 'warn', 'info', 'debug']),
    )
    .addHelpText('after', HELP)
    .action(async (options: MirrorOptions) => {
      process.exitCode = await runMirror(options, processSeat());
    });
}

function processSeat(): MirrorSeat {
  return {
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    replay: async (config, hooks) => (await import('../unit/replay/replay.ts')).replay(config, hooks),
    onStop: (stop) => {
      process.on('SIGINT', stop).on('SIGTERM', stop);
      return () => process.off('SIGINT', stop).off('SIGTERM', stop);
    },
    exit: (code) => process.exit(code),
  };
}

/** Resolves with the exit status. Rejects with a `Fault` when there is no report to give. */
export async function runMirror(options: MirrorOptions, seat: MirrorSeat): Promise<number> {
  const [{ loadReplayConfig }, { EXIT, exitOfReport }] = await Promise.all([
    import('../unit/config/config.ts'),
    import('./errors.ts'),
  ]);
  const config = await loadReplayConfig(options.config);
  const log: Log | undefined =
    options.log === undefined ? undefined : (await import('../../hw/log.ts')).openLog(options.log, seat.stderr);
  const bar = seat.stderr.isTTY === true ? await progressBar(seat) : undefined;
  const abort = new AbortController();
  const unlisten = seat.onStop(() => {
    if (abort.signal.aborted) seat.exit(EXIT.killed);
    abort.abort();
  });
  let report: UnitReport;
  log?.info('mirroring', { config: options.config, volumes: config.volumes.length });
  try {
    report = await seat.replay(config, {
      signal: abort.signal,
      ...(bar === undefined ? {} : { progress: bar.show }),
      notice: (text) => log?.warn(text),
    });
  } finally {
    unlisten();
    bar?.clear();
  }
  log?.info('done', { exit: exitOfReport(report), frames: report.source.frames, elapsedMs: report.elapsedMs });
  await print(report, options.json === true, seat);
  return exitOfReport(report);
}

async function print(report: UnitReport, json: boolean, seat: MirrorSeat): Promise<void> {
  const { Output } = await import('./rows-output.ts');
  const out = new Output(seat.stdout, () => {});
  if (json) {
    out.write(`${JSON.stringify(report)}\n`);
  } else {
    const [{ renderReport }, { terminalOf }] = await Promise.all([import('./report.ts'), import('./draw.ts')]);
    out.write(renderReport(report, terminalOf(seat.stdout, seat.env)));
  }
  await out.finish();
}

async function progressBar(
  seat: MirrorSeat,
): Promise<{ show: NonNullable<ReplayHooks['progress']>; clear: () => void }> {
  const [{ ProgressLine, mirroringWords }, { terminalOf }] = await Promise.all([
    import('./progress.ts'),
    import('./draw.ts'),
  ]);
  const write = (text: string): void => void seat.stderr.write(text);
  const line = new ProgressLine(write, terminalOf(seat.stderr, seat.env), mirroringWords);
  return { show: (progress) => line.show(progress, performance.now()), clear: () => line.clear() };
}
