import { Command, Option } from 'commander';
import { Fault } from '../base/fault.ts';
import type { Laid, Place } from '../service/layout.ts';
import type { Stream } from './rows-inspect.ts';

const HELP = `
Lays down what a unit needs to run as a service of systemd: the unit template tapmirror@.service, whose instance
tapmirror@NAME runs the configuration /etc/tapmirror/NAME.yaml as an ordinary user that may capture and nothing else;
tapmirror-nic@.service, which prepares the interface of a tap; the user; the folders /etc/tapmirror, /var/lib/tapmirror and
/run/tapmirror; example configurations; and what Prometheus and Grafana are given (/usr/local/share/tapmirror). Nothing is
started. What an administrator changed with \`systemctl edit\` stays.
The Debian package does all of this by itself.

Examples
  tapmirror install --dry-run
  tapmirror install
  cp /etc/tapmirror/examples/tap.yaml /etc/tapmirror/db.yaml     then edit it
  systemctl enable --now tapmirror@db
  systemctl status tapmirror@db; tapmirror status --config /etc/tapmirror/db.yaml

Exit status: 0 done, 1 failed, 2 the command line is wrong.
`;

const UNINSTALL_HELP = `
Stops the units and takes away what \`tapmirror install\` laid down. Configurations and states stay, and so does the user;
with --purge the folders /etc/tapmirror and /var/lib/tapmirror go as well, and with them keys, records and kept pasts.
Mirrors elsewhere stay as they are.

Exit status: 0 done, 1 failed or not confirmed, 2 the command line is wrong.
`;

interface InstallOptions {
  root: string;
  user: string;
  dryRun?: boolean;
  json?: boolean;
  program?: string;
  package?: boolean;
}

interface UninstallOptions {
  root: string;
  dryRun?: boolean;
  json?: boolean;
  purge?: boolean;
  yes?: boolean;
}

/** What was done, or with `dryRun` would be: what \`install --json\` prints. */
interface InstallReport {
  dryRun: boolean;
  files: readonly Laid[];
  /** Paths of them that stood there already, just so. */
  unchanged: readonly string[];
  commands: readonly string[];
}

interface UninstallReport {
  dryRun: boolean;
  removed: readonly string[];
  commands: readonly string[];
}

const INSTANCE = /^tapmirror(-nic)?@.*\.service$/;
const STOP = ['systemctl', 'stop', 'tapmirror@*.service', 'tapmirror-nic@*.service'];
const RELOAD = ['systemctl', 'daemon-reload'];
/** Folders that the service does not see, or not as others do. */
const UNSEEN = /^\/(home|root|run\/user|tmp|var\/tmp)\//;

/** `tapmirror install`. */
export function installCommand(): Command {
  return new Command('install')
    .description('Lay down what a unit needs to run as a service of systemd.')
    .option('--root <folder>', 'a system below this folder, instead of this one', '/')
    .option('--user <name>', 'the user that units run as; made where there is none', 'tapmirror')
    .option('--program <path>', 'the program that the service starts (default: this one)')
    .option('--dry-run', 'print what would be laid down')
    .option('--json', 'one JSON object')
    .addOption(new Option('--package', "in a distribution's places, for a package").hideHelp())
    .addHelpText('after', HELP)
    .action((options: InstallOptions) => runInstall(options, process.stdout));
}

/** `tapmirror uninstall`. */
export function uninstallCommand(): Command {
  return new Command('uninstall')
    .description('Stop the units and take away what `tapmirror install` laid down.')
    .option('--root <folder>', 'a system below this folder, instead of this one', '/')
    .option('--purge', 'configurations and states as well')
    .option('--yes', 'do not ask before that')
    .option('--dry-run', 'print what would be taken away')
    .option('--json', 'one JSON object')
    .addHelpText('after', UNINSTALL_HELP)
    .action(async (options: UninstallOptions) => {
      const { askYes } = await import('../../hw/askYes.ts');
      await runUninstall(options, process.stdout, askYes);
    });
}

/** Rejects with a `Fault` where something could not be laid down; what was laid down before it stays. */
export async function runInstall(options: InstallOptions, stdout: Stream): Promise<void> {
  const { root, user, dryRun = false } = options;
  const [{ layFile, runProgram }, { serviceFiles, USER_NAME }, { UsageFault }] = await Promise.all([
    import('../../hw/serviceHost.ts'),
    import('../service/layout.ts'),
    import('./errors.ts'),
  ]);
  if (!USER_NAME.test(user)) throw new UsageFault(`${user} is no name for a user`, 'small letters, digits, _ and -');
  const place: Place = options.package === true ? 'package' : 'local';
  const program = await programOf(options);
  const files = serviceFiles({ program, user }, place);
  const commands = await installCommands(root, place);
  const unchanged: string[] = [];
  if (!dryRun) {
    for (const { path, text } of files) if (!(await layFile(below(root, path), text))) unchanged.push(path);
    for (const command of commands) await runProgram(command);
  }
  const report = { dryRun, files, unchanged, commands: commands.map((words) => words.join(' ')) };
  await say(stdout, options.json === true ? `${JSON.stringify(report)}\n` : installWords(report, root));
}

/** Rejects with a `Fault` where something has to stay, or the operator wants it to. */
export async function runUninstall(
  options: UninstallOptions,
  stdout: Stream,
  ask: (question: string) => Promise<boolean>,
): Promise<void> {
  const { root, dryRun = false, purge = false, yes = false } = options;
  const [{ dropEmpty, isThere, runProgram, takeAway, underSystemd, wantedLinks }, { KEPT, OWN, serviceFiles }] =
    await Promise.all([import('../../hw/serviceHost.ts'), import('../service/layout.ts')]);
  const kept = purge ? KEPT.map((path) => below(root, path)) : [];
  if (purge && !yes && !dryRun && !(await ask(`Remove ${kept.join(' and ')} with all that is kept there? [y/N] `))) {
    throw new Fault('local', 'nothing was removed: it was not confirmed', 'answer y, or add --yes');
  }
  const live = root === '/' && underSystemd();
  const laid = serviceFiles({ program: [], user: '' }, 'local').map(({ path }) => below(root, path));
  const paths = [...(await wantedLinks(root, INSTANCE)), ...laid, ...kept];
  const removed: string[] = [];
  if (live && !dryRun) await runProgram(STOP);
  for (const path of paths) if (dryRun ? isThere(path) : await takeAway(path)) removed.push(path);
  if (!dryRun) for (const folder of OWN) await dropEmpty(below(root, folder));
  if (live && !dryRun) await runProgram(RELOAD);
  const commands = live ? [STOP, RELOAD].map((words) => words.join(' ')) : [];
  const report: UninstallReport = { dryRun, removed, commands };
  await say(stdout, options.json === true ? `${JSON.stringify(report)}\n` : uninstallWords(report));
}

/** The words that start the program. Rejects with a `Fault` where the service could not see it. */
async function programOf({ root, program, package: packaged, dryRun }: InstallOptions): Promise<readonly string[]> {
  if (packaged === true) return ['/usr/bin/tapmirror'];
  const words = program === undefined ? await (await import('../../hw/serviceHost.ts')).thisProgram() : [program];
  for (const word of words) {
    if (!word.startsWith('/')) {
      const { UsageFault } = await import('./errors.ts');
      throw new UsageFault(`--program ${word} is not an absolute path`, 'write it from / on');
    }
    if (root === '/' && dryRun !== true && UNSEEN.test(word)) {
      const mend = 'install the package, or the program with `npm install -g`, where every user can read it';
      throw new Fault('local', `${word} lies where a service cannot see it`, mend);
    }
  }
  return words;
}

/** What makes the user and the folders, and has systemd read the rest. */
async function installCommands(root: string, place: Place): Promise<string[][]> {
  // A package's own scripts do this where it is installed.
  if (place === 'package') return [];
  const at = root === '/' ? [] : [`--root=${root}`];
  const { underSystemd } = await import('../../hw/serviceHost.ts');
  return [
    ['systemd-sysusers', ...at, 'tapmirror.conf'],
    ['systemd-tmpfiles', ...at, '--create', 'tapmirror.conf'],
    ...(root === '/' && underSystemd() ? [RELOAD] : []),
  ];
}

function installWords({ dryRun, files, unchanged, commands }: InstallReport, root: string): string {
  if (dryRun) {
    const parts = files.map(({ path, text }) => `==> ${below(root, path)}\n${text}`);
    return `${parts.join('\n')}\n==> then\n${commands.join('\n')}\n`;
  }
  const lines = files.map(({ path }) => `${unchanged.includes(path) ? 'unchanged' : 'wrote'} ${below(root, path)}`);
  const next = 'next: write /etc/tapmirror/NAME.yaml (see the examples), then systemctl enable --now tapmirror@NAME';
  return `${[...lines, ...commands.map((words) => `ran ${words}`), next].join('\n')}\n`;
}

function uninstallWords({ dryRun, removed, commands }: UninstallReport): string {
  const verbs = dryRun ? ['would remove', 'would run'] : ['removed', 'ran'];
  const lines = [...removed.map((path) => `${verbs[0]} ${path}`), ...commands.map((words) => `${verbs[1]} ${words}`)];
  return `${(lines.length === 0 ? ['nothing of it is there'] : lines).join('\n')}\n`;
}

function below(root: string, path: string): string {
  return root === '/' ? path : `${root.replace(/\/+$/, '')}${path}`;
}

async function say(stdout: Stream, text: string): Promise<void> {
  const { Output } = await import('./rows-output.ts');
  const out = new Output(stdout, () => {});
  out.write(text);
  await out.finish();
}
