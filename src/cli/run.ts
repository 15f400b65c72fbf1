import { Command, Option } from 'commander';
import type { ControlServer } from '../../hw/controlServer.ts';
import type { LevelledLog, Log } from '../../hw/log.ts';
import type { LogLevel } from '../../hw/logLevel.ts';
import type { Supervisor } from '../../hw/systemd.ts';
import type { Fault } from '../base/fault.ts';
import type { LiveConfig, UnitMirrors } from '../unit/config/config.ts';
import type { RunningUnit, StartHooks } from '../unit/watch/status.ts';
import type { Stream } from './rows-inspect.ts';

export interface RunOptions {
  config: string;
  log?: LogLevel;
  /** The unit must be on no bus. */
  receiveOnly?: boolean;
}

export type StopSignal = 'SIGINT' | 'SIGTERM';

/** Where the command reads and shows: the process's own, or a test's. */
export interface RunSeat {
  stdout: Stream;
  stderr: Stream;
  env: Record<string, string | undefined>;
  start: (config: LiveConfig, hooks: StartHooks) => Promise<RunningUnit>;
  /** Whoever started the unit as a service and wants to hear how it does, if anybody; `status` is that in one line. */
  supervisor?: (status: () => string, log: Log) => Promise<Supervisor | undefined>;
  /** Calls `stop` for every SIGINT and SIGTERM until the returned function is called. */
  onStop: (stop: (signal: StopSignal) => void) => () => void;
  /** Ends the process at once. */
  exit: (code: number) => void;
}

/** How long what is buffered may take to be written at the end. */
const STOP_MS = 30_000;

const LINGER_MS = 2000;

const HELP = `
Attaches to a live bus and keeps mirrors equal to their volumes while hosts write. It stays in the foreground: a line that
begins with "ready" on standard output says that it is attached and listening; log lines, a JSON object each, go to standard
error. SIGTERM or SIGINT ends it after what is buffered has been written (at most ${STOP_MS / 1000} s); a second one ends it at once.
What a mirror misses is in its record and repaired, at the latest after the next start; a tap, which cannot know what passed
while it was away, then compares the whole volume.

Configuration (JSON or YAML; relative paths start at the file's own folder; see the README for every key)
  source:                              one of the two
    tap:                               passive: hosts notice nothing, and what the tap misses is read back
      interfaces: [eth1, eth2]         one per direction, or a mirror port
      portals: ["10.0.0.2:3260"]       what to capture (optional; default: all TCP)
    tee:                               inline: hosts log in to it, it passes every byte on to the target
      listen: "10.0.0.1:3260"
      target: "10.0.0.2:3260"
  state: /var/lib/tapmirror/db         folder of this unit alone: the record of what mirrors may miss
  control: /run/tapmirror-db.sock      for \`tapmirror status\` (optional; default: control.sock in state)
  volumes:
    - lu: iqn.2024-01.example:disks/1  TARGET-NAME/LUN
      first: iscsi://10.0.0.2/iqn.2024-01.example:disks/1     the volume itself, only ever read
      mirrors:
        - iscsi://10.0.9.2/iqn.2024-01.example:second/1       another target (IPv6 in brackets)
        - file:/srv/second.img                                a file or block device
        - to: iscsi://10.0.9.3/iqn.2024-01.example:third/1    with CHAP
          user: joe
          secretFile: third.secret     or secretEnv: a variable's name
  resync: {bytesPerSecond: 50MB}       bounds copying and repairing (optional; default: no limit)
  log: {level: info}                   error, warn, info or debug (optional)

A mirror at another site (its far end: see \`tapmirror receive --help\`), with certificates that \`tapmirror keys\` makes
  tls: {ca: keys/ca.crt, cert: keys/a.crt, key: keys/a.key}
  volumes: ... mirrors:
    - journey://10.0.9.1:7260/database                        IPv6 in brackets
    - to: journey://[fd00::9]:7260/database                   or with
      buffer: {bytes: 64MiB, threshold: 0.25}                 what may be on its way before it is kept by its LBNs alone
      limit: 5MB                                              bytes a second
      compress: auto                                          true, false or auto
  spill: {bytes: 1GiB}                 for blocks that are written again before the link had them (optional)
  groups:                              volumes whose writes share one order (optional, at both units)
    - {name: books, volumes: [database, log]}

Examples
  tapmirror run --config unit.yaml
  tapmirror run --config unit.yaml 2>> unit.log &
  tapmirror status --config unit.yaml

Exit status: 0 ended by a signal, 1 failed (the last line says why), 2 the command line or the configuration is wrong, 130 or
143 ended at once by a second SIGINT or SIGTERM.
`;

const RECEIVE_HELP = `
Is the far end of links: other units send the changes of their volumes here, in order, and this unit keeps each volume and,
where that is configured, its past. The same as \`tapmirror run\` with a configuration that names no bus; see there for how it
is started and ended. A unit on a bus may receive as well.

Configuration (JSON or YAML; relative paths start at the file's own folder; see the README for every key)
  receive: {listen: "10.0.9.1:7260"}   where links arrive
  tls:                                 made by \`tapmirror keys\`
    ca: keys/ca.crt
    cert: keys/b.crt
    key: keys/b.key
  state: /var/lib/tapmirror/far        folder of this unit alone
  volumes:
    - name: database                   links end in it: journey://10.0.9.1:7260/database
      mirrors: ["file:/srv/far.img"]   a file or block device; it grows where it can; more: passed on to
      history:                         the past (optional)
        window: 24h                    how far back
        bytes: 20GiB                   and at most so much: the oldest moments go first
        folder: /srv/third.queue       where it lies (optional; default: in state)

Examples
  tapmirror receive --config far.yaml
  tapmirror history database --config far.yaml
  tapmirror rewind database --to "10 minutes ago" --out before.img --config far.yaml

Exit status: as for \`tapmirror run\`.
`;

/** `tapmirror run --config FILE`. */
export function runCommand(): Command {
  const command = new Command('run').description('Attach to a live bus and keep mirrors equal, in the foreground.');
  return unitCommand(command, HELP, {});
}

/** `tapmirror receive --config FILE`. */
export function receiveCommand(): Command {
  const command = new Command('receive').description('Be the far end of links, on no bus, in the foreground.');
  return unitCommand(command, RECEIVE_HELP, { receiveOnly: true });
}

function unitCommand(command: Command, help: string, fixed: Pick<RunOptions, 'receiveOnly'>): Command {
  return command
    .requiredOption('-c, --config <file>', 'where to attach or listen and what to mirror, JSON or YAML')
    .addOption(
      new Option('--log <level>', 'log lines of this level and worse, whatever the configuration says').choices([
        'error',
        'warn',
        'info',
        'debug',
      ]),
    )
    .addHelpText('after', help)
    .action(async (options: RunOptions) => {
      process.exitCode = await runUnit({ ...options, ...fixed }, processSeat());
      // Everything is closed: a handle that a library forgot must not keep the process.
      setTimeout(() => process.exit(), LINGER_MS).unref();
    });
}

function processSeat(): RunSeat {
  return {
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    start: async (config, hooks) => (await import('../unit/live/live.ts')).startUnit(config, hooks),
    supervisor: async (status, log) => {
      const { Supervisor, supervisionOf, systemdNotify } = await import('../../hw/systemd.ts');
      const supervision = supervisionOf(process.env, process.pid);
      const failed = (why: string): void => log.warn('systemd cannot be told how the unit does', { why });
      return supervision && new Supervisor({ ...supervision, notify: systemdNotify, status, failed });
    },
    onStop: (stop) => {
      const listener = (signal: NodeJS.Signals): void => stop(signal === 'SIGTERM' ? 'SIGTERM' : 'SIGINT');
      process.on('SIGINT', listener).on('SIGTERM', listener);
      return () => process.off('SIGINT', listener).off('SIGTERM', listener);
    },
    exit: (code) => process.exit(code),
  };
}

/** Resolves with the exit status once the unit has ended. Rejects with a `Fault` when it could not start or go on. */
export async function runUnit(options: RunOptions, seat: RunSeat): Promise<number> {
  const [{ loadUnit }, { EXIT, UsageFault }, { openLog }] = await Promise.all([
    import('../unit/config/config.ts'),
    import('./errors.ts'),
    import('../../hw/log.ts'),
  ]);
  const { config, mirrors } = await loadUnit(options.config, seat.env);
  if (options.receiveOnly === true && config.source !== undefined) {
    const what = `${options.config} is the configuration of a unit on a bus, which this command is not for`;
    throw new UsageFault(what, 'start it with `tapmirror run`: it receives as well');
  }
  const log = openLog(options.log ?? config.log.level, seat.stderr);
  const abort = new AbortController();
  const stopped = new Promise<undefined>((resolve) => {
    abort.signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
  const unlisten = seat.onStop((signal) => {
    if (abort.signal.aborted) seat.exit(signal === 'SIGTERM' ? EXIT.terminated : EXIT.killed);
    log.info('stopping', { signal });
    abort.abort();
  });
  try {
    return await whileRunning(config, mirrors, seat, log, { signal: abort.signal, stopped });
  } finally {
    unlisten();
  }
}

interface Stop {
  signal: AbortSignal;
  /** Resolves when the operator wants the end. */
  stopped: Promise<undefined>;
}

async function whileRunning(
  config: LiveConfig,
  mirrors: UnitMirrors,
  seat: RunSeat,
  log: LevelledLog,
  stop: Stop,
): Promise<number> {
  const { EXIT } = await import('./errors.ts');
  const { clearControlPath } = await import('../../hw/controlServer.ts');
  // Before anything is touched: most likely the same unit is running already.
  await clearControlPath(config.control, config.controlGroup);
  const { source, volumes, received, state } = config;
  log.info('starting', { source: source?.kind ?? 'links', volumes: volumes.length + received.length, state });
  let unit: RunningUnit | undefined;
  const { serviceWords } = await import('./service-words.ts');
  const supervisor = await seat.supervisor?.(
    () => (unit === undefined ? 'starting' : serviceWords(unit.status())),
    log,
  );
  supervisor?.starting();
  const level = {
    get: (): LogLevel => log.level,
    set: (wanted: LogLevel): void => {
      log.level = wanted;
    },
  };
  const hooks = { log, signal: stop.signal, level, mirrors, ticked: () => supervisor?.ticked() };
  unit = await started(config, seat, hooks);
  if (unit === undefined) return EXIT.ok;
  let control: ControlServer | undefined;
  let failure: Fault | undefined;
  let late: unknown;
  try {
    control = await (await import('../unit/steer/control.ts')).serveControl(
      config.control,
      unit,
      log,
      config.controlGroup,
    );
    log.info('ready', { attached: unit.ready });
    seat.stdout.write(`ready: ${unit.ready}\n`);
    void supervisor?.ready();
    failure = (await Promise.race([stop.stopped, unit.failed, unit.drained])) ?? undefined;
    if (failure !== undefined) log.error('the unit cannot go on', { why: failure.message });
  } finally {
    void supervisor?.stopping();
    // Asked meanwhile, it still tells how far it is.
    await unit.stop({ withinMs: STOP_MS }).catch((error: unknown) => {
      late = error;
    });
    await control?.close();
  }
  if (failure !== undefined) throw failure;
  if (late !== undefined) throw late;
  log.info('stopped');
  return EXIT.ok;
}

/** The unit, or undefined when the operator gave it up before it was ready. */
async function started(config: LiveConfig, seat: RunSeat, hooks: StartHooks): Promise<RunningUnit | undefined> {
  try {
    return await seat.start(config, hooks);
  } catch (error) {
    if (hooks.signal?.aborted) return undefined;
    throw error;
  }
}
