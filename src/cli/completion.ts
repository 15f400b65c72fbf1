import { Argument, Command } from 'commander';
import { controlPath, type WhichUnit, withUnit } from './control-path.ts';
import type { Stream } from './rows-inspect.ts';

/** Every command of the program, whole. */
export type Program = () => Promise<readonly Command[]>;

const HELP = `
Prints what a shell needs to complete commands, options, their values, files, and, where the line names a unit that runs
(--config or --control), its volumes and mirrors.

Examples
  source <(tapmirror completion bash)                                            for this shell
  tapmirror completion bash > /etc/bash_completion.d/tapmirror                   for everybody
  tapmirror completion zsh > /usr/local/share/zsh/site-functions/_tapmirror

Exit status: 0 printed, 2 the command line is wrong.
`;

const NAMES_MS = 1000;

/** `tapmirror completion`. */
export function completionCommand(program: Program): Command {
  return new Command('completion')
    .addArgument(new Argument('<shell>', 'whose words they are').choices(['bash', 'zsh']))
    .description('Print what a shell needs to complete commands.')
    .addHelpText('after', HELP)
    .action(async (shell: string) => {
      const [{ bashScript, zshScript, treeOf }, { Output }] = await Promise.all([
        import('./completion-words.ts'),
        import('./rows-output.ts'),
      ]);
      const tree = treeOf(await program());
      const out = new Output(process.stdout, () => {});
      out.write(shell === 'bash' ? bashScript(tree) : zshScript(tree));
      await out.finish();
    });
}

/** `tapmirror complete-names`, for what is printed here: names of a running unit, a line each; nothing where there is none. */
export function namesCommand(): Command {
  const what = new Argument('<what>', 'which names').choices(['volumes', 'mirrors', 'both', 'jobs']);
  return withUnit(new Command('complete-names').addArgument(what))
    .description('Print names of a running unit, for a shell.')
    .action((which: string, options: WhichUnit) => runNames(which, options, process.stdout));
}

/** Never rejects: a shell that completes has no use for errors. */
export async function runNames(which: string, options: WhichUnit, stdout: Stream): Promise<void> {
  try {
    const { askControl } = await import('../../hw/controlClient.ts');
    const path = await controlPath(options, 'complete-names');
    const answer = await askControl(path, { do: which === 'jobs' ? 'jobs' : 'status' }, NAMES_MS);
    for (const name of namesIn(which, answer)) if (/^[^\s\p{Cc}]+$/u.test(name)) stdout.write(`${name}\n`);
  } catch {
    // Nothing to offer.
  }
}

function namesIn(which: string, answer: unknown): string[] {
  const { volumes, jobs } = (answer ?? {}) as Record<string, unknown>;
  const list = (value: unknown): Record<string, unknown>[] => (Array.isArray(value) ? value : []);
  const words = (values: readonly unknown[]): string[] => values.filter((one) => typeof one === 'string');
  if (which === 'jobs') return words(list(jobs).map(({ id }) => id));
  const mirrors = words(list(volumes).flatMap((one) => list(one.mirrors).map(({ to }) => to)));
  if (which === 'mirrors') return mirrors;
  const named = words(list(volumes).map(({ name, lu }) => name ?? lu));
  return which === 'both' ? [...named, ...mirrors] : named;
}
