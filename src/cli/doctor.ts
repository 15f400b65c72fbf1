import { Command } from 'commander';
import type { PortReport } from '../unit/doctorPorts.ts';
import { columns } from './draw.ts';
import { plain } from './draw-words.ts';

const HELP = `
Lists the serial ports of this machine, and asks each who answers there: a probe
of a parallel SCSI bus tells its name. A capture that runs is not disturbed.

Examples
  tapmirror doctor
  tapmirror doctor --port /dev/serial/by-id/usb-Example_Bus_Probe-if00
  tapmirror doctor --json | jq '.ports[] | select(.probe)'

Exit status: 0 done, 2 wrong usage.
`;

interface DoctorOptions {
  port?: string[];
  json?: boolean;
}

/** `tapmirror doctor`: what of this machine a unit could use. */
export function doctorCommand(): Command {
  return new Command('doctor')
    .summary('look at what this machine has for a unit')
    .description('Look at what this machine has for a unit: serial ports, and the probes on them.')
    .option('--port <port...>', 'only these serial ports')
    .option('--json', 'one JSON object')
    .addHelpText('after', HELP)
    .action(async ({ port, json }: DoctorOptions) => {
      const { lookAtPorts } = await import('../unit/doctorPorts.ts');
      const ports = await lookAtPorts(port);
      process.stdout.write(json === true ? `${JSON.stringify({ ports })}\n` : drawPorts(ports));
    });
}

/** A table of ports, and below it what is wrong with them. */
export function drawPorts(ports: readonly PortReport[]): string {
  if (ports.length === 0) return 'No serial port was found.\n';
  const rows = ports.map(({ port, device, probe, fault }) => {
    const who = probe
      ? `${probe.name} ${probe.firmware}, ${probe.width} bits${probe.capturing ? ', capturing' : ''}`
      : '';
    return [plain(port), plain(device ?? ''), fault ? 'cannot be used' : plain(who) || 'no probe answers'];
  });
  const faults = ports.flatMap(({ fault }) => (fault ? [`${plain(fault.message)}; ${plain(fault.mend)}`] : []));
  return `${[...columns([['SERIAL PORT', 'DEVICE', 'PROBE'], ...rows]), ...faults].join('\n')}\n`;
}
