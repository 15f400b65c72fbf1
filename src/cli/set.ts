import { Argument, Command } from 'commander';
import { LOG_LEVELS } from '../../hw/logLevel.ts';
import { controlPath, type WhichUnit, withUnit } from './control-path.ts';
import type { Stream } from './rows-inspect.ts';

export interface SetOptions extends WhichUnit {
  json?: boolean;
}

const HELP = `
Changes a running unit until it ends; its configuration is as it was.
  throttle   bytes a second that copying and repairing may read for each mirror ("resync" in the configuration), as 50MB or
             16MiB; none for no limit
  log-level  error, warn, info or debug

Examples
  tapmirror set throttle 50MB --config unit.yaml
  tapmirror set throttle none --config unit.yaml
  tapmirror set log-level debug --control /run/tapmirror.sock

Exit status: 0 set, 1 failed, 2 the command line or the configuration is wrong, 4 no unit answers.
`;

/** `tapmirror set`. */
export function setCommand(): Command {
  const what = new Argument('<what>', 'what is to be changed').choices(['throttle', 'log-level']);
  return withUnit(new Command('set').addArgument(what).argument('<value>', 'what it is to be'))
    .description('Change a running unit until it ends.')
    .option('--json', 'one JSON object on standard output')
    .addHelpText('after', HELP)
    .action((name: string, value: string, options: SetOptions) => runSet(name, value, options, process.stdout));
}

/** Rejects with a `Fault` when it was not set. */
export async function runSet(name: string, value: string, options: SetOptions, stdout: Stream): Promise<void> {
  const order = name === 'throttle' ? { throttle: await throttleOf(value) } : { logLevel: await levelOf(value) };
  const [{ askControl }, { Output }, { sizeWords }] = await Promise.all([
    import('../../hw/controlClient.ts'),
    import('./rows-output.ts'),
    import('./draw-words.ts'),
  ]);
  const { json, ...which } = options;
  const answer = await askControl(await controlPath(which, 'set'), { do: 'set', ...order });
  const { throttle, logLevel } = (answer ?? {}) as Record<string, unknown>;
  const limit = typeof throttle === 'number' ? `${sizeWords(throttle)}/s` : 'none';
  const out = new Output(stdout, () => {});
  if (json === true) out.write(`${JSON.stringify(answer)}\n`);
  else out.write(`throttle ${limit}, log-level ${typeof logLevel === 'string' ? logLevel : '?'}\n`);
  await out.finish();
}

async function throttleOf(value: string): Promise<number | null> {
  if (value === 'none') return null;
  const { bytesOf } = await import('../unit/config/configValues.ts');
  const bytes = bytesOf(/^\d+$/.test(value) ? Number(value) : value);
  if (bytes !== undefined && bytes > 0) return bytes;
  throw await usage(`${JSON.stringify(value)} is no count of bytes a second`, 'write it as 50MB, 16MiB or none');
}

async function levelOf(value: string): Promise<string> {
  const level = LOG_LEVELS.find((one) => one === value);
  if (level !== undefined) return level;
  throw await usage(`there is no level ${JSON.stringify(value)}`, `name one of: ${LOG_LEVELS.join(', ')}`);
}

async function usage(what: string, mend: string): Promise<Error> {
  const { UsageFault } = await import('./errors.ts');
  return new UsageFault(what, mend);
}
