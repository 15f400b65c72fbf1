import { Command, Option } from 'commander';

const HELP = `
A unit with "web" in its configuration serves its metrics at http://LISTEN/metrics
for Prometheus. This prints what goes with them: alert rules for Prometheus, and
a dashboard for Grafana. Both take it that the units are scraped as the job
"tapmirror". The package (/usr/share/tapmirror) and \`tapmirror install\`
(/usr/local/share/tapmirror) lay the same down, with an example of how each is
loaded: prometheus.yml and grafana.yml.

Examples
  tapmirror metrics --alerts > /etc/prometheus/tapmirror-alerts.yml
  tapmirror metrics --dashboard > tapmirror-dashboard.json

Exit status: 0 done, 2 wrong usage.
`;

/** `tapmirror metrics`: what a monitoring system is given beside the metrics themselves. */
export function metricsCommand(): Command {
  return new Command('metrics')
    .description('Print alert rules and a dashboard for the metrics of a unit.')
    .addOption(new Option('--alerts', 'alert rules for Prometheus').conflicts('dashboard'))
    .option('--dashboard', 'a dashboard for Grafana')
    .addHelpText('after', HELP)
    .action(async ({ alerts, dashboard }: { alerts?: boolean; dashboard?: boolean }) => {
      if (alerts === true) {
        process.stdout.write((await import('../operate/alerts.ts')).ALERTS);
      } else if (dashboard === true) {
        const made = (await import('../operate/dashboard.ts')).dashboard();
        process.stdout.write(`${JSON.stringify(made, null, 2)}\n`);
      } else {
        const { UsageFault } = await import('./errors.ts');
        throw new UsageFault('neither --alerts nor --dashboard', 'name one; see `tapmirror metrics --help`');
      }
    });
}
