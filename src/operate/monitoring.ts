import { ALERTS } from './alerts.ts';
import { dashboard } from './dashboard.ts';

/** What a monitoring system is given, as files of one folder (an absolute path) that everybody may read. */
export function monitoringFiles(folder: string): { path: string; text: string }[] {
  return [
    { path: `${folder}/alerts.yml`, text: ALERTS },
    { path: `${folder}/prometheus.yml`, text: prometheus(folder) },
    { path: `${folder}/dashboard.json`, text: `${JSON.stringify(dashboard(), null, 2)}\n` },
    { path: `${folder}/grafana.yml`, text: grafana(folder) },
  ];
}

/** Parts of a configuration of Prometheus; by itself a whole one. */
function prometheus(folder: string): string {
  return `# For the configuration of Prometheus (/etc/prometheus/prometheus.yml): units' metrics, and alerts about them.
scrape_configs:
  - job_name: tapmirror                  # rules and dashboard look for this name
    scrape_interval: 15s
    static_configs:
      - targets: ["127.0.0.1:9464"]      # \`web.listen\` of each unit
rule_files:
  - ${folder}/alerts.yml
`;
}

/** A provider of dashboards: Grafana loads what lies in the folder, and again when an upgrade brings another. */
function grafana(folder: string): string {
  return `# For Grafana: cp ${folder}/grafana.yml /etc/grafana/provisioning/dashboards/tapmirror.yml
apiVersion: 1
providers:
  - name: tapmirror
    type: file
    options:
      path: ${folder}
`;
}
