import { Command, CommanderError } from 'commander';
import { packageVersion } from '../../hw/version.ts';

interface Entry {
  readonly summary: string;
  readonly load: () => Promise<Command>;
  /** For scripts, not for people. */
  readonly hidden?: true;
}

/** A command's modules are loaded only when it is asked for: start-up time is most of what a short run takes. */
const COMMANDS: Readonly<Record<string, Entry>> = {
  decode: {
    summary: 'show every SCSI command of a capture, one per row',
    load: async () => (await import('./decode.ts')).decodeCommand(),
  },
  stat: {
    summary: 'show rates, latencies, block sizes and errors of a capture',
    load: async () => (await import('./stat.ts')).statCommand(),
  },
  try: {
    summary: 'tell from a capture what mirroring the bus would need',
    load: async () => (await import('./try.ts')).tryCommand(),
  },
  mirror: {
    summary: 'repeat every write of a capture onto mirrors',
    load: async () => (await import('./mirror.ts')).mirrorCommand(),
  },
  run: {
    summary: 'attach to a live bus and keep mirrors equal',
    load: async () => (await import('./run.ts')).runCommand(),
  },
  status: {
    summary: 'show how the mirrors of a running unit stand',
    load: async () => (await import('./status.ts')).statusCommand(),
  },
  receive: {
    summary: 'be the far end of links, on no bus',
    load: async () => (await import('./run.ts')).receiveCommand(),
  },
  serve: {
    summary: 'be an iSCSI target for a file or block device',
    load: async () => (await import('./serve.ts')).serveCommand(),
  },
  keys: {
    summary: 'make the certificates of units that are joined by links',
    load: async () => (await import('./keys.ts')).keysCommand(),
  },
  mark: {
    summary: 'set a bookmark that travels down the links',
    load: async () => (await import('./mark.ts')).markCommand(),
  },
  verify: {
    summary: 'compare mirrors with the volume, beside everything else',
    load: async () => (await import('./verify.ts')).verifyCommand(),
  },
  pause: {
    summary: 'have mirrors take nothing until they are resumed',
    load: async () => (await import('./steer.ts')).pauseCommand(),
  },
  resume: {
    summary: 'let paused mirrors go on',
    load: async () => (await import('./steer.ts')).resumeCommand(),
  },
  resync: {
    summary: 'compare mirrors with the first volume again, and copy what differs',
    load: async () => (await import('./steer.ts')).resyncCommand(),
  },
  'add-mirror': {
    summary: 'add a mirror to a volume of a running unit',
    load: async () => (await import('./mirrors.ts')).addMirrorCommand(),
  },
  'remove-mirror': {
    summary: 'take a mirror from a volume of a running unit',
    load: async () => (await import('./mirrors.ts')).removeMirrorCommand(),
  },
  jobs: {
    summary: 'show the long jobs of a running unit',
    load: async () => (await import('./jobs.ts')).jobsCommand(),
  },
  job: {
    summary: 'end a long job of a running unit',
    load: async () => (await import('./jobs.ts')).jobCommand(),
  },
  set: {
    summary: 'change a running unit until it ends',
    load: async () => (await import('./set.ts')).setCommand(),
  },
  drain: {
    summary: 'write what is buffered, and end a running unit',
    load: async () => (await import('./drain.ts')).drainCommand(),
  },
  explain: {
    summary: 'tell what is known of a block: who wrote it, and where its copies are',
    load: async () => (await import('./explain.ts')).explainCommand(),
  },
  history: {
    summary: "show what is kept of a volume's past",
    load: async () => (await import('./history.ts')).historyCommand(),
  },
  rewind: {
    summary: 'write a volume as it was at a moment into a file',
    load: async () => (await import('./rewind.ts')).rewindCommand(),
  },
  open: {
    summary: 'serve a volume as it was at a moment, as an iSCSI target',
    load: async () => (await import('./open.ts')).openCommand(),
  },
  promote: {
    summary: 'let hosts write to a served mirror after the first volume is lost',
    load: async () => (await import('./promote.ts')).promoteCommand(),
  },
  demote: {
    summary: 'make a promoted mirror a mirror again',
    load: async () => (await import('./promote.ts')).demoteCommand(),
  },
  metrics: {
    summary: 'print alert rules and a dashboard for the metrics of a unit',
    load: async () => (await import('./metrics.ts')).metricsCommand(),
  },
  doctor: {
    summary: 'look at what a unit needs, and say what to mend',
    load: async () => (await import('./doctor.ts')).doctorCommand(),
  },
  install: {
    summary: 'lay down what a unit needs to run as a service',
    load: async () => (await import('./install.ts')).installCommand(),
  },
  uninstall: {
    summary: 'take that away again',
    load: async () => (await import('./install.ts')).uninstallCommand(),
  },
  nic: {
    summary: 'prepare the interface that a tap is plugged into, or put back what was there',
    load: async () => (await import('./nic.ts')).nicCommand(),
  },
  completion: {
    summary: 'print what a shell needs to complete commands',
    load: async () => (await import('./completion.ts')).completionCommand(wholeProgram),
  },
  'complete-names': {
    summary: 'print names of a running unit, for a shell',
    load: async () => (await import('./completion.ts')).namesCommand(),
    hidden: true,
  },
};

const HELP = `
tapmirror reads the iSCSI traffic between hosts and a volume, live or captured, shows what the hosts did, and repeats their
writes onto mirrors until these equal the volume, or names what it cannot vouch for. A mirror may be at another site, and
keep the past.

Examples
  tapmirror decode bus.pcap             what happened, command by command
  tapmirror stat bus.pcap.gz            how fast, how large, how often
  tapmirror try busy-hour.pcap          what mirroring it would need
  tapmirror mirror --config unit.yaml   make mirrors equal to the volume, from captures
  tapmirror run --config unit.yaml      keep mirrors equal on a live bus
  tapmirror status --config unit.yaml   how they stand
  tapmirror receive --config far.yaml   keep a volume and its past at another site
  tapmirror history --config far.yaml   what is kept of it
  tapmirror run --help                  the configuration, key by key

Units: LBNs and blocks are counts of the volume's logical blocks; KiB, MiB and GiB are powers of 1024, kB, MB and GB of
1000. Captures are pcap or pcapng, plain or gzip; - is standard input.

Exit status: 0 done, 1 failed (the line on standard error says why), 2 the command line or the configuration is wrong,
3 some blocks are unresolved, or a mirror is broken or paused, 4 no unit answers.
`;

async function wholeProgram(): Promise<Command[]> {
  const shown = Object.values(COMMANDS).filter(({ hidden }) => hidden !== true);
  return Promise.all(shown.map(async ({ summary, load }) => (await load()).summary(summary)));
}

async function programFor(words: readonly string[]): Promise<Command> {
  const program = new Command('tapmirror')
    .description('Snoops the bus between a host and its volume and keeps mirrors of the volume equal.')
    .usage('COMMAND [options]')
    .addHelpText('after', HELP)
    .exitOverride()
    // What is wrong with the words is told once, in the shape that all errors have.
    .configureOutput({ outputError: () => {} });
  if (words.some((word) => word === '--version' || word === '-V')) program.version(packageVersion());
  else program.option('-V, --version', 'print the version');
  const wanted = words.find((word) => !word.startsWith('-') && word !== 'help');
  for (const [name, { summary, load, hidden }] of Object.entries(COMMANDS)) {
    if (name === wanted) program.addCommand(inheriting(await load(), program));
    else if (hidden !== true) program.command(name).summary(summary).description(summary);
  }
  return program;
}

/** Settings of the program are its commands', and those of their own commands. */
function inheriting(command: Command, parent: Command): Command {
  command.copyInheritedSettings(parent);
  for (const below of command.commands) inheriting(below, command);
  return command;
}

async function run(words: readonly string[]): Promise<void> {
  const program = await programFor(words);
  try {
    if (words.length === 0) throw new CommanderError(2, 'tapmirror.empty', 'a command is missing');
    await program.parseAsync(words, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return;
    const { UsageFault } = await import('./errors.ts');
    const asked = words.find((word) => Object.hasOwn(COMMANDS, word));
    const what = error.code === 'commander.help' ? 'a command is missing' : error.message;
    const mend = `see \`tapmirror ${asked === undefined ? '' : `${asked} `}--help\``;
    throw new UsageFault(
      what
        .replace(/^error: /, '')
        .replaceAll('\n', ' ')
        .trim(),
      mend,
    );
  }
}

// A reader of standard output that went away (`| head`) is no failure, and standard error has nobody left to tell.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') process.exitCode ||= 1;
  });
}

run(process.argv.slice(2)).catch(async (error: unknown) => {
  const { errorLines, exitOfError } = await import('./errors.ts');
  const debug = Boolean(process.env.TAPMIRROR_DEBUG);
  process.exitCode = exitOfError(error);
  process.stderr.write(`${errorLines(error, debug).join('\n')}\n`);
});
