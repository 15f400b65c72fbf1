import { Command, InvalidArgumentError } from 'commander';
import type { PortReport } from '../unit/doctor/doctorPorts.ts';
import type { DoctorReport, Finding } from '../unit/doctor/doctorTypes.ts';
import { columns, paint, type Terminal, terminalOf } from './draw.ts';
import { plain } from './draw-words.ts';

const HELP = `
Looks at what a unit needs and says the mend for whatever is not right: its
configuration, interfaces (up, offloads, ring), permissions, portals, sessions
seen on the bus against the configured volumes, portals that targets offer and
nobody mirrors, drops, reach, size and identity of every volume, links (versions
and clocks at both ends) and certificates, room on disks, clock, and serial ports
with the probes on them. Nothing is changed, and a unit that runs goes on.

Run it as the unit's own user, as permissions are those of whoever asks. Without
--config only the machine is looked at. Where the unit runs it is asked what it
sees; --listen listens for itself, to all portals of the tap's interfaces, and so
finds ways to a volume that source.tap.portals leaves out.

Examples
  tapmirror doctor --config unit.yaml
  tapmirror doctor --config unit.yaml --listen 10
  tapmirror doctor --config unit.yaml --json | jq '.findings[] | select(.level != "ok")'
  tapmirror doctor
  tapmirror doctor --port /dev/serial/by-id/usb-Example_Bus_Probe-if00

Exit status: 0 nothing is wrong, 2 wrong usage, 3 something is: see the lines
that begin with warn or FAIL.
`;

interface DoctorOptions {
  config?: string;
  listen?: number;
  port?: string[];
  json?: boolean;
}

/** The longest time to listen. */
const LISTEN_SECONDS_MAX = 3600;

/** `tapmirror doctor`: what of this machine a unit could use, and what is wrong with it. */
export function doctorCommand(): Command {
  return new Command('doctor')
    .summary('look at what a unit needs, and say what to mend')
    .description('Look at what a unit needs, and say what to mend.')
    .option('-c, --config <file>', "the unit's configuration")
    .option('--listen <seconds>', "listen so long at the tap's interfaces for ways to the volumes", seconds)
    .option('--port <port...>', 'only these serial ports')
    .option('--json', 'one JSON object')
    .addHelpText('after', HELP)
    .action(async ({ config, listen, port, json }: DoctorOptions) => {
      const [{ examine }, { EXIT }] = await Promise.all([import('../unit/doctor/doctor.ts'), import('./errors.ts')]);
      const listenMs = listen === undefined ? undefined : listen * 1000;
      const report = await examine({ config, listenMs, ports: port, nowMs: Date.now() });
      const terminal = terminalOf(process.stdout, process.env);
      process.stdout.write(json === true ? `${JSON.stringify(report)}\n` : drawDoctor(report, terminal));
      process.exitCode = report.level === 'ok' ? EXIT.ok : EXIT.unresolved;
    });
}

function seconds(text: string): number {
  const value = Number(text);
  if (value > 0 && value <= LISTEN_SECONDS_MAX) return value;
  throw new InvalidArgumentError(`write seconds, up to ${LISTEN_SECONDS_MAX}`);
}

const LEVELS = { ok: 'ok', warn: 'warn', fail: 'FAIL' } as const;
const COLOUR = { ok: 'dim', warn: 'yellow', fail: 'red' } as const;

/** One line a finding, with its mend below it; serial ports as a table of their own. */
export function drawDoctor({ findings, level, ports }: DoctorReport, terminal: Terminal): string {
  const lines = findings.flatMap((one) => drawFinding(one, terminal));
  const count = (which: Finding['level']): number => findings.filter((one) => one.level === which).length;
  const sum =
    level === 'ok'
      ? `Nothing is wrong: ${findings.length} things were looked at.`
      : `${count('fail')} failures, ${count('warn')} warnings, ${count('ok')} right.`;
  return `${[...lines, '', ...drawPorts(ports).trimEnd().split('\n'), '', sum].join('\n')}\n`;
}

function drawFinding({ check, subject, level, words, mend }: Finding, terminal: Terminal): string[] {
  const head = paint(LEVELS[level].padEnd(4), COLOUR[level], terminal);
  const what = [check, subject].filter((one) => one !== '').join(' ');
  const line = `${head}  ${plain(what)}: ${plain(words)}`;
  return mend === undefined ? [line] : [line, `      ${plain(mend)}`];
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
