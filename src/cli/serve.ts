import { resolve } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { normalPortal } from '../base/address.ts';
import type { RunSeat, StopSignal } from './run.ts';

export interface ServeCliOptions {
  listen: string[];
  name?: string;
  lun: number;
  blockSize: number;
  physicalBlockSize?: number;
  thin?: boolean;
  cache?: boolean;
  readOnly?: boolean;
  removable?: boolean;
  state?: string;
  serial?: string;
  user?: string;
  secretFile?: string;
  secretEnv?: string;
  allowInitiator: string[];
  allowNetwork: string[];
}

/** How long hosts may take to log out, and what is under way to end. */
const STOP_MS = 10_000;
const LINGER_MS = 2000;
const BLOCK_MIN = 512;
const BLOCK_MAX = 65_536;
const LUN_MAX = 16_383;

const HELP = `
Serves a file or block device as a logical unit of an iSCSI target. It stays in the foreground: a line that begins with
"ready" on standard output says that it listens. SIGTERM or SIGINT asks the hosts to log out, makes durable what they wrote
and ends it; a second one ends it at once. To serve several, or mirrors and moments, use "serve" in the configuration of
\`tapmirror run\` (see the README).

Without --cache every write that is answered GOOD survives a power loss. With it the logical unit has a volatile write cache,
as most disks have: writes lie in this machine's memory until the host flushes (SYNCHRONIZE CACHE, FUA), which file systems
do where it matters. Killing this program alone loses nothing either way.

Reservations, saved mode pages and the serial number are kept in a small file beside the image (IMAGE.lu).

Examples
  truncate -s 10G disk.img && tapmirror serve disk.img --listen 0.0.0.0:3260 --thin --cache
  tapmirror serve /dev/vg/db --listen 10.0.0.2:3260 --name iqn.2024-01.example:db --user joe --secret-file joe.secret
  iscsi-ls -s iscsi://10.0.0.2

Exit status: 0 ended by a signal, 1 failed (the last line says why), 2 the command line is wrong, 130 or 143 ended at once by a
second SIGINT or SIGTERM.
`;

/** `tapmirror serve IMAGE`. */
export function serveCommand(): Command {
  return new Command('serve')
    .argument('<image>', 'a file or block device')
    .description('Serve a file or block device as an iSCSI target, in the foreground.')
    .requiredOption('-l, --listen <ip:port>', 'where hosts log in (several times for several)', collect, [])
    .option('--name <iqn>', "the target's name (default: made from the image's)")
    .option('--lun <n>', 'its logical unit number', whole(0, LUN_MAX), 1)
    .option('--block-size <bytes>', 'bytes per logical block', blockSize, BLOCK_MIN)
    .option('--physical-block-size <bytes>', 'what hosts are told of the blocks beneath', blockSize)
    .option('--thin', 'give room back where hosts unmap')
    .option('--cache', 'a volatile write cache, flushed when hosts say so')
    .option('--read-only', 'refuse to be written')
    .option('--removable', 'a medium that hosts can eject and load')
    .option('--serial <text>', 'the serial number (default: made once, and kept)')
    .option('--state <file>', 'where reservations and the like are kept (default: IMAGE.lu)')
    .option('--user <name>', 'whom hosts have to prove to be by CHAP; with a secret')
    .option('--secret-file <file>', 'the secret on one line')
    .option('--secret-env <variable>', 'the secret in an environment variable')
    .option(
      '--allow-initiator <iqn>',
      'only these hosts, * for any characters (several times for several)',
      collect,
      [],
    )
    .option('--allow-network <cidr>', 'only from these networks (several times for several)', collect, [])
    .addHelpText('after', HELP)
    .action(async (image: string, options: ServeCliOptions) => {
      process.exitCode = await runServe(image, options, processSeat());
      setTimeout(() => process.exit(), LINGER_MS).unref();
    });
}

export type ServeSeat = Pick<RunSeat, 'stdout' | 'stderr' | 'env' | 'onStop' | 'exit'>;

function processSeat(): ServeSeat {
  return {
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    onStop: (stop) => {
      const listener = (signal: NodeJS.Signals): void => stop(signal === 'SIGTERM' ? 'SIGTERM' : 'SIGINT');
      process.on('SIGINT', listener).on('SIGTERM', listener);
      return () => process.off('SIGINT', listener).off('SIGTERM', listener);
    },
    exit: (code) => process.exit(code),
  };
}

/** Resolves with the exit status once it was ended. Rejects with a `Fault` when it could not be served. */
export async function runServe(image: string, options: ServeCliOptions, seat: ServeSeat): Promise<number> {
  const [{ EXIT, UsageFault }, { nameOf, proofOf }, { openImage }, { openLog, limitRepeats }] = await Promise.all([
    import('./errors.ts'),
    import('./serve-words.ts'),
    import('../unit/serve/serveImage.ts'),
    import('../../hw/log.ts'),
  ]);
  let end: (signal: StopSignal) => void = () => {};
  const stopped = new Promise<StopSignal>((resolve) => {
    end = resolve;
  });
  let told = false;
  const unlisten = seat.onStop((signal) => {
    if (told) seat.exit(signal === 'SIGTERM' ? EXIT.terminated : EXIT.killed);
    told = true;
    end(signal);
  });
  const log = limitRepeats(openLog('info', seat.stderr));
  try {
    if (options.listen.length === 0)
      throw new UsageFault('no --listen', 'say where hosts log in: --listen 10.0.0.2:3260');
    const { allowInitiator, allowNetwork, listen, lun, name = nameOf(image), blockSize } = options;
    const { user, secret } = await proofOf(options, seat.env);
    const auth = user === undefined || secret === undefined ? undefined : { users: [{ user, secret }] };
    const serve = await openImage({
      path: resolve(image),
      state: resolve(options.state ?? `${image}.lu`),
      listen: listen.map((one) => {
        const portal = normalPortal(one);
        if (portal === undefined) throw new UsageFault(`${one} is not IP:PORT`, 'write for example 10.0.0.2:3260');
        return portal;
      }),
      name,
      lun,
      blockSize,
      ...(options.physicalBlockSize === undefined ? {} : { physicalBlockSize: options.physicalBlockSize }),
      thin: options.thin === true,
      cache: options.cache === true,
      readOnly: options.readOnly === true,
      removable: options.removable === true,
      ...(options.serial === undefined ? {} : { serial: options.serial }),
      ...(auth === undefined ? {} : { auth }),
      allow: { initiators: allowInitiator, networks: allowNetwork },
      notice: (text) => log.warn('notice', { text }),
    });
    seat.stdout.write(`ready: ${serve.portals.map((portal) => `iscsi://${portal}/${name}/${lun}`).join(', ')}\n`);
    await stopped;
    await serve.close(STOP_MS);
    return EXIT.ok;
  } finally {
    unlisten();
    log.flush();
  }
}

function collect(value: string, before: string[]): string[] {
  return [...before, value];
}

function whole(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`It is a number from ${min} to ${max}.`);
  };
}

function blockSize(text: string): number {
  const value = whole(BLOCK_MIN, BLOCK_MAX)(text);
  if (Number.isInteger(Math.log2(value))) return value;
  throw new InvalidArgumentError('It is a power of two, such as 512 or 4096.');
}
