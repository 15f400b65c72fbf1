import { resolve } from 'node:path';
import { Command, Option } from 'commander';
import { controlPath, type WhichUnit, withUnit } from './control-path.ts';
import type { Stream } from './rows-inspect.ts';
import { userName } from './user-name.ts';

export interface AddMirrorOptions extends WhichUnit {
  user?: string;
  secretFile?: string;
  mutualUser?: string;
  mutualSecretFile?: string;
  digests?: string;
  buffer?: string;
  limit?: string;
  compress?: string;
  json?: boolean;
}

export interface RemoveMirrorOptions extends WhichUnit {
  now?: boolean;
  json?: boolean;
}

/** Media of other machines may take a while to open, and to close. */
const ANSWER_MS = 60_000;

const ADD_HELP = `
Adds a mirror to a volume of a running unit. It is checked as the configuration is, opened, and compared whole with the first
volume, and what differs is copied; hosts, and the other mirrors, notice nothing. A medium that does not answer, or is too small,
is refused, and nothing has changed then. What was ever known of the medium before does not count.

The unit has the mirror from then on, also when it is started again. It keeps that in its state folder (mirrors.json), and says
what the configuration lacks: write it there, and the unit forgets that it was ever added by hand.

Examples
  tapmirror add-mirror database file:/srv/third.img --config unit.yaml
  tapmirror add-mirror database iscsi://10.0.9.3/iqn.2024-01.example:third/1 --user joe --secret-file third.secret \\
    --config unit.yaml
  tapmirror add-mirror database journey://10.0.9.1:7260/database --limit 5MB --config unit.yaml
  tapmirror jobs --config unit.yaml                                        how far the copy is

Exit status: 0 added, 1 refused, 2 the command line or the configuration is wrong, 4 no unit answers.
`;

const REMOVE_HELP = `
Takes a mirror from a volume of a running unit. It is given what is written up to a moment when nothing of it is in doubt (at most
10 s away), made durable, closed and unlocked: a mirror that was equal, or behind, then holds what the volume held at that moment.
That is waited for; whoever does not want to wait may go (Ctrl-C), and \`tapmirror jobs\` shows how far it is. With --now what waits
for the mirror is given up. One
that is broken or paused, or a link that is cut, gets nothing any more in any case. What it holds stays as it is; a past at
another unit is kept there.

The unit is without the mirror from then on, also when it is started again, whatever its configuration names; it says so until the
configuration says the same. The last mirror of a volume is not removed. One that comes back is compared whole.

Examples
  tapmirror remove-mirror database file:/srv/second.img --config unit.yaml
  tapmirror remove-mirror database file:/srv/second.img --now --config unit.yaml

Exit status: 0 removed, and it holds the volume as it was at one moment, 1 refused, 2 the command line or the configuration is
wrong, 3 removed, but it does not hold the volume at any one moment, 4 no unit answers.
`;

/** `tapmirror add-mirror`. */
export function addMirrorCommand(): Command {
  const command = new Command('add-mirror')
    .description('Add a mirror to a volume of a running unit.')
    .argument('<volume>', 'its LU or name')
    .argument('<target>', 'the mirror: file:PATH, iscsi://HOST/TARGET-NAME/LUN or journey://HOST:PORT/VOLUME');
  return withUnit(command)
    .option('--user <name>', 'CHAP: as whom the unit logs in')
    .option('--secret-file <file>', 'where its secret is, for the unit to read')
    .option('--mutual-user <name>', 'CHAP: as whom the target proves itself')
    .option('--mutual-secret-file <file>', 'where its secret is')
    .addOption(new Option('--digests <which>', 'of iSCSI').choices(['none', 'header', 'data', 'both']))
    .option('--buffer <bytes>', 'of a link: what may be on its way before it is kept by its LBNs alone')
    .option('--limit <bytes>', 'of a link: bytes a second')
    .addOption(new Option('--compress <when>', 'of a link').choices(['true', 'false', 'auto']))
    .option('--json', 'one JSON object on standard output')
    .addHelpText('after', ADD_HELP)
    .action((volume: string, target: string, options: AddMirrorOptions) =>
      runAddMirror(volume, target, options, process.stdout),
    );
}

/** `tapmirror remove-mirror`. */
export function removeMirrorCommand(): Command {
  const command = new Command('remove-mirror')
    .description('Take a mirror from a volume of a running unit.')
    .argument('<volume>', 'its LU or name')
    .argument('<mirror>', 'its URL, as `tapmirror status` has it');
  return withUnit(command)
    .option('--now', 'give up what waits for it')
    .option('--json', 'one JSON object on standard output')
    .addHelpText('after', REMOVE_HELP)
    .action(async (volume: string, mirror: string, options: RemoveMirrorOptions) => {
      process.exitCode = await runRemoveMirror(volume, mirror, options, process.stdout);
    });
}

/** Rejects with a `Fault` when there is no such mirror now. */
export async function runAddMirror(
  volume: string,
  target: string,
  options: AddMirrorOptions,
  stdout: Stream,
): Promise<void> {
  const request = { do: 'addMirror', volume, as: mirrorAs(target, options), by: userName() };
  const answer = await ask(request, options, 'add-mirror');
  const lines = async (): Promise<string[]> => {
    const { sizeWords, plain } = await import('./draw-words.ts');
    const { mirror, behindBytes, job, configuration } = membersOf(answer);
    const bytes = typeof behindBytes === 'number' ? sizeWords(behindBytes) : 'all of it';
    const how = typeof job === 'string' ? `, job ${job}` : ', once the first volume can be read';
    return [plain(`added ${mirror}: ${bytes} to be compared${how}`), ...configurationLines(configuration).map(plain)];
  };
  await print(answer, options.json, lines, stdout);
}

/** Resolves with the exit status. Rejects with a `Fault` when the mirror is still there. */
export async function runRemoveMirror(
  volume: string,
  mirror: string,
  options: RemoveMirrorOptions,
  stdout: Stream,
): Promise<number> {
  const request = {
    do: 'removeMirror',
    volume,
    mirror,
    by: userName(),
    ...(options.now === true ? { now: true } : {}),
  };
  const answer = await ask(request, options, 'remove-mirror');
  const { state, droppedBytes, configuration } = membersOf(answer);
  const lines = async (): Promise<string[]> => {
    const { sizeWords, plain } = await import('./draw-words.ts');
    const lost =
      typeof droppedBytes === 'number' && droppedBytes > 0 ? `, ${sizeWords(droppedBytes)} were given up` : '';
    const what =
      state === 'equal'
        ? 'it holds the volume as it was at one moment'
        : `it was ${state} and does not hold the volume at any one moment${lost}`;
    return [plain(`removed ${mirror}: ${what}`), ...configurationLines(configuration).map(plain)];
  };
  await print(answer, options.json, lines, stdout);
  const { EXIT } = await import('./errors.ts');
  return state === 'equal' ? EXIT.ok : EXIT.unresolved;
}

/** The mirror as the configuration would have it. Paths start where the command was given. */
function mirrorAs(target: string, options: AddMirrorOptions): unknown {
  const to = /^file:(?!\/\/)/i.test(target) ? `file:${resolve(target.slice('file:'.length))}` : target;
  const { user, secretFile, mutualUser, mutualSecretFile, digests, buffer, limit, compress } = options;
  const keys = {
    ...(user === undefined ? {} : { user }),
    ...(secretFile === undefined ? {} : { secretFile: resolve(secretFile) }),
    ...(mutualUser === undefined ? {} : { mutualUser }),
    ...(mutualSecretFile === undefined ? {} : { mutualSecretFile: resolve(mutualSecretFile) }),
    ...(digests === undefined ? {} : { digests }),
    ...(buffer === undefined ? {} : { buffer: { bytes: countOf(buffer) } }),
    ...(limit === undefined ? {} : { limit: countOf(limit) }),
    ...(compress === undefined ? {} : { compress: compress === 'auto' ? compress : compress === 'true' }),
  };
  return Object.keys(keys).length === 0 ? to : { to, ...keys };
}

/** As a configuration has it. */
function countOf(words: string): string | number {
  return /^\d+$/.test(words) ? Number(words) : words;
}

/** What the configuration should say from now on. */
function configurationLines(told: unknown): string[] {
  const { change, line } = membersOf(told);
  if (typeof line !== 'string') return ['The configuration says the same.'];
  return change === 'added'
    ? ['The configuration does not have it yet. Write this into "mirrors" of the volume there:', `  - ${line}`]
    : ['The configuration still has it. Take this out of "mirrors" of the volume there:', `  - ${line}`];
}

async function ask(
  request: { do: string } & Record<string, unknown>,
  { config, control }: WhichUnit,
  name: string,
): Promise<unknown> {
  const { askControl } = await import('../../hw/controlClient.ts');
  const which = { ...(config === undefined ? {} : { config }), ...(control === undefined ? {} : { control }) };
  return askControl(await controlPath(which, name), request, ANSWER_MS);
}

async function print(
  answer: unknown,
  json: boolean | undefined,
  lines: () => Promise<string[]>,
  stdout: Stream,
): Promise<void> {
  const { Output } = await import('./rows-output.ts');
  const out = new Output(stdout, () => {});
  if (json === true) out.write(`${JSON.stringify(answer)}\n`);
  else for (const line of await lines()) out.write(`${line}\n`);
  await out.finish();
}

/** The unit may be of another version: what is missing is empty. */
function membersOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
