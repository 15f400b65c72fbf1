import type { Command } from 'commander';

/** How the commands that ask a running unit are told which one. */
export interface WhichUnit {
  control?: string;
  config?: string;
}

/** Adds `--config` and `--control`. */
export function withUnit(command: Command): Command {
  return command
    .option('-c, --config <file>', "the unit's configuration, which says where its control socket is")
    .option('--control <path>', 'the control socket itself');
}

/** The control socket that is meant. Rejects with a `UsageFault` where that is not clear; `asked` is the command's name. */
export async function controlPath({ control, config }: WhichUnit, asked: string): Promise<string> {
  if (control !== undefined && config === undefined) return control;
  if (config !== undefined && control === undefined) {
    return (await import('../unit/config/config.ts')).loadControlPath(config);
  }
  const { UsageFault } = await import('./errors.ts');
  const what =
    control === undefined ? 'which unit? neither --config nor --control is given' : 'both --config and --control';
  throw new UsageFault(what, `give one of them; see \`tapmirror ${asked} --help\``);
}

/** A volume or a group, not both. Rejects with a `UsageFault`; `asked` is the command's name. */
export async function refuseBoth(volume: unknown, group: unknown, asked: string): Promise<void> {
  if (volume === undefined || group === undefined) return;
  const { UsageFault } = await import('./errors.ts');
  throw new UsageFault('both a volume and a group', `name one of them; see \`tapmirror ${asked} --help\``);
}
