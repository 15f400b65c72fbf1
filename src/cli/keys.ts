import { Command } from 'commander';
import type { MadeKeys } from '../../hw/keys.ts';
import type { Stream } from './rows-inspect.ts';

/** Where the command shows: the process's own, or a test's. */
export interface KeysSeat {
  stdout: Stream;
  /** Milliseconds since 1970. */
  nowMs: () => number;
}

export interface KeysOptions {
  days: string;
  json?: boolean;
}

const AUTHORITY_DAYS = '3650';
const UNIT_DAYS = '730';
/** The last year that a certificate can name is 9999 (RFC 5280 section 4.1.2.5); a century is a mistake already. */
const DAYS_MAX = 36_500;

const HELP = `
Units that are joined by a link prove themselves to each other by certificates of one authority. Anybody who has a
certificate of it, with its key, can send to your units and receive from them; nobody else can.

  1. Make the authority once, on a machine that you trust:        tapmirror keys init keys
  2. Make a certificate and key for each unit:                    tapmirror keys unit keys site-a
                                                                  tapmirror keys unit keys site-b
  3. Bring to each unit ca.crt and its own two files, no others:  ca.crt, site-a.crt, site-a.key
  4. Name them in its configuration:                              tls: {ca: ca.crt, cert: site-a.crt, key: site-a.key}

Keep ca.key where no unit runs: whoever has it can make units. Nothing is ever overwritten. A certificate that ends is
replaced by one of the same name from the same authority (move its two files away first); no link has to be made anew for
that, the unit is only restarted. Its name is what other units know it by.

Exit status: 0 made, 1 failed (the line on standard error says why), 2 the command line is wrong.
`;

/** `tapmirror keys`. */
export function keysCommand(): Command {
  const command = new Command('keys')
    .description('Make an authority and the certificates of units that are joined by links.')
    .addHelpText('after', HELP);
  command
    .command('init <folder>')
    .summary('make an authority: ca.crt and ca.key')
    .description('Make an authority, ca.crt and ca.key, in a folder that is made where it is missing.')
    .option('--days <number>', 'how long its certificate is good', AUTHORITY_DAYS)
    .option('--json', 'one JSON object on standard output')
    .action(async (folder: string, options: KeysOptions) => {
      const { initKeys } = await import('../../hw/keys.ts');
      await runKeys(options, (count, nowMs) => initKeys(folder, count, nowMs), processSeat());
    });
  command
    .command('unit <folder> <name>')
    .summary('make the certificate and key of a unit: NAME.crt and NAME.key')
    .description('Make the certificate and key of a unit, NAME.crt and NAME.key, in the folder of an authority.')
    .option('--days <number>', 'how long the certificate is good', UNIT_DAYS)
    .option('--json', 'one JSON object on standard output')
    .action(async (folder: string, name: string, options: KeysOptions) => {
      const { unitKeys } = await import('../../hw/keys.ts');
      await runKeys(options, (count, nowMs) => unitKeys(folder, name, count, nowMs), processSeat());
    });
  return command;
}

function processSeat(): KeysSeat {
  return { stdout: process.stdout, nowMs: Date.now };
}

/** Makes the keys and says what was made. Rejects with a `Fault` when they could not be. */
export async function runKeys(
  { days, json }: KeysOptions,
  make: (days: number, nowMs: number) => Promise<MadeKeys>,
  seat: KeysSeat,
): Promise<void> {
  const [{ UsageFault }, { Output }] = await Promise.all([import('./errors.ts'), import('./rows-output.ts')]);
  const count = /^\d{1,5}$/.test(days) ? Number(days) : 0;
  if (count < 1 || count > DAYS_MAX) {
    throw new UsageFault(`--days ${days} is not a whole number from 1 to ${DAYS_MAX}`, 'see `tapmirror keys --help`');
  }
  const { cert, key, to, cut } = await make(count, seat.nowMs());
  const out = new Output(seat.stdout, () => {});
  const until = to.toISOString();
  const why = cut ? ', with its authority' : '';
  if (json === true) out.write(`${JSON.stringify({ cert, key, until, cut })}\n`);
  else out.write(`${cert}: until ${until.slice(0, 10)}${why}\n${key}: private, for this user alone\n`);
  await out.finish();
}
