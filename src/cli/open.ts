import { resolve } from 'node:path';
import { Command } from 'commander';
import type { ControlProgress } from '../../hw/controlWire.ts';
import { normalPortal } from '../base/address.ts';
import { controlPath, type WhichUnit, withUnit } from './control-path.ts';
import type { StatusSeat } from './status.ts';

export interface OpenOptions extends WhichUnit {
  at: string;
  listen: string[];
  name?: string;
  lun: string;
  scratch?: string;
  user?: string;
  secretFile?: string;
  secretEnv?: string;
  force?: boolean;
  json?: boolean;
}

export interface OpenSeat extends StatusSeat {
  /** Calls `stop` when the operator wants the end. */
  onStop: (stop: () => void) => void;
}

/** A unit that opens a moment says so often that it is still there. */
const ANSWER_MS = 60_000;

const HELP = `
Has a unit at the far end of a link serve a volume as it was at a moment as a logical unit of an iSCSI target, until this
command is ended (SIGINT, SIGTERM). Mirroring goes on meanwhile, nothing of what is kept is changed, and the moment is kept as
long. A line that begins with "ready" on standard output says where it is served.

WHEN is a bookmark, a sequence or a time, as for \`tapmirror rewind\`. With --scratch hosts can write: what they write goes into
that file, which the unit makes, and is gone with it.

Examples
  tapmirror open database --at -15m --listen 127.0.0.1:3261 --config far.yaml
  tapmirror open database --at before-upgrade --scratch /srv/scratch.img --listen 10.0.9.1:3261 --config far.yaml

Exit status: 0 ended by a signal, 1 failed (the line on standard error says why), 2 the command line or the configuration is
wrong, 4 no unit answers.
`;

/** `tapmirror open`. */
export function openCommand(): Command {
  return withUnit(new Command('open').argument('[volume]', 'its name; may be left out where there is but one'))
    .description('Serve a volume as it was at a moment, until this is ended.')
    .requiredOption('--at <when>', 'a bookmark, a sequence or a time')
    .requiredOption(
      '-l, --listen <ip:port>',
      'where hosts log in (several times for several)',
      (one: string, before: string[]) => [...before, one],
      [],
    )
    .option('--name <iqn>', "the target's name (default: made from the volume's)")
    .option('--lun <n>', 'its logical unit number', '1')
    .option('--scratch <file>', 'for what hosts write; it is made, and removed at the end')
    .option('--user <name>', 'whom hosts have to prove to be by CHAP; with a secret')
    .option('--secret-file <file>', 'the secret on one line')
    .option('--secret-env <variable>', 'the secret in an environment variable')
    .option('--force', 'a moment that is inconsistent, too')
    .option('--json', 'the moment as a JSON object instead of the ready line')
    .addHelpText('after', HELP)
    .action((volume: string | undefined, options: OpenOptions) => {
      const { stdout, env } = process;
      const onStop = (stop: () => void): void => void process.once('SIGINT', stop).once('SIGTERM', stop);
      return runOpen(volume, options, { stdout, env, nowMs: Date.now, onStop });
    });
}

/** Resolves once it was ended. Rejects with a `Fault` when the moment was not served, or is not any more. */
export async function runOpen(volume: string | undefined, options: OpenOptions, seat: OpenSeat): Promise<void> {
  const [{ askControl }, { readMoment }, { UsageFault }, { nameOf, proofOf }] = await Promise.all([
    import('../../hw/controlClient.ts'),
    import('./moment.ts'),
    import('./errors.ts'),
    import('./serve-words.ts'),
  ]);
  const listen = options.listen.map((one) => {
    const portal = normalPortal(one);
    if (portal === undefined) throw new UsageFault(`${one} is not IP:PORT`, 'write for example 10.0.0.2:3260');
    return portal;
  });
  if (!/^\d{1,5}$/.test(options.lun))
    throw new UsageFault(`${options.lun} is no LUN`, 'write a number from 0 to 16383');
  const proof = await proofOf(options, seat.env);
  const to = await readMoment(options.at, seat.nowMs());
  const request = {
    do: 'open',
    ...(volume === undefined ? {} : { volume }),
    to,
    listen,
    name: options.name ?? nameOf(volume ?? 'moment'),
    lun: Number(options.lun),
    ...(options.scratch === undefined ? {} : { scratch: resolve(options.scratch) }),
    ...proof,
    force: options.force === true,
  };
  let shown = false;
  const show = ({ told }: ControlProgress): void => {
    if (told === undefined || shown) return;
    shown = true;
    // At once: whoever waits for it goes on then.
    seat.stdout.write(options.json === true ? `${JSON.stringify(told)}\n` : readyLine(told));
  };
  const abort = new AbortController();
  seat.onStop(() => abort.abort());
  await askControl(await controlPath(options, 'open'), request, ANSWER_MS, show, abort.signal);
}

function readyLine(told: unknown): string {
  const { urls, at, sequence, consistent, writable } = told as Record<string, unknown>;
  const where = Array.isArray(urls) ? urls.join(', ') : '';
  const what = `as of ${at ?? 'before anything came'}, sequence ${sequence}${consistent === true ? '' : ', inconsistent'}`;
  return `ready: ${where}: ${what}, ${writable === true ? 'writable' : 'read-only'}\n`;
}
