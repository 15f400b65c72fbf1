import { Command } from 'commander';
import { Fault } from '../base/fault.ts';
import type { Stream } from './rows-inspect.ts';

const FOLDER = '/run/tapmirror-nic';

const HELP = `
The interface that a network tap or a mirror port is plugged into should hand every frame on as it was on the wire, and say
nothing itself. \`prepare\` switches off what joins or splits frames (gro, lro, tso, gso, vlan offloads), gives it the longest
ring that it can have and an MTU for jumbo frames, takes its addresses, IPv6 and ARP away, and switches it on. What was there
is kept in ${FOLDER}, and \`restore\` puts it back. Promiscuous mode is the capture's own affair. An interface that the
default route goes over is refused. It needs root, and the programs ip and ethtool.

Each command is printed as it is run; with --dry-run it is printed only.

Examples
  tapmirror nic prepare eth1 --dry-run
  tapmirror nic prepare eth1
  tapmirror nic restore eth1
  systemctl enable --now tapmirror-nic@eth1      the same at every start of the machine

Exit status: 0 done, 1 failed, 2 the command line is wrong.
`;

interface NicOptions {
  dryRun?: boolean;
  json?: boolean;
  state: string;
}

type NicAct = 'prepare' | 'restore';

/** `tapmirror nic prepare|restore INTERFACE`. */
export function nicCommand(): Command {
  const command = new Command('nic')
    .description('Prepare the interface that a tap is plugged into, or put back what was there.')
    .addHelpText('after', HELP);
  const acts = [
    ['prepare', 'make an interface fit for a tap'],
    ['restore', 'put back what was there before'],
  ] as const;
  for (const [act, summary] of acts) {
    command
      .command(`${act} <interface>`)
      .summary(summary)
      .description(`${summary[0].toUpperCase()}${summary.slice(1)}.`)
      .option('--dry-run', 'print the commands, run none that changes anything')
      .option('--json', 'one JSON object')
      .option('--state <folder>', 'where what was there is kept', FOLDER)
      .action((name: string, options: NicOptions) => runNic(act, name, options, process.stdout));
  }
  return command;
}

/** Rejects with a `Fault` that has the script's own words. */
export async function runNic(act: NicAct, name: string, options: NicOptions, stdout: Stream): Promise<void> {
  const [{ UsageFault }, { runScript }, { NIC_SCRIPT }, { Output }] = await Promise.all([
    import('./errors.ts'),
    import('../../hw/serviceHost.ts'),
    import('../service/nicScript.ts'),
    import('./rows-output.ts'),
  ]);
  // As the kernel takes names, without those that would be words of another kind to the programs that get them.
  if (!/^[A-Za-z0-9_][A-Za-z0-9_.:@-]{0,14}$/.test(name)) {
    throw new UsageFault(`${name} is not the name of an interface`, 'see: ip link');
  }
  const { json = false, dryRun = false, state } = options;
  const out = new Output(stdout, () => {});
  let lines = '';
  const words = [act, name, state, ...(dryRun ? ['dry'] : [])];
  const { code, said } = await runScript(NIC_SCRIPT, words, (text) => {
    lines += text;
    if (!json) out.write(text);
  });
  if (json) out.write(`${JSON.stringify({ interface: name, act, dryRun, lines: lines.trim().split('\n') })}\n`);
  await out.finish();
  if (code !== 0) {
    const why = said.trim().replaceAll('\n', '; ') || `the script ended with ${code}`;
    throw new Fault('local', why, 'run it as root; `--dry-run` shows what it does');
  }
}
