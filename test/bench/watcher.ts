/**
 * Looks at a unit's page and metrics each second, as a browser and Prometheus would: `watcher.js URL LU`. It begins and ends at
 * a line `on` or `off`, and says so.
 */
import { createInterface } from 'node:readline';

const [url, lu] = process.argv.slice(2);
const volume = `volume=${encodeURIComponent(lu)}`;
const PATHS = ['status.json', 'events.json', 'trend.json', `trend.json?${volume}`, `map.json?${volume}`, 'metrics'];
let timer: NodeJS.Timeout | undefined;

async function look(): Promise<void> {
  for (const path of PATHS) {
    const answer = await fetch(`${url}${path}`);
    if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
    await answer.arrayBuffer();
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  clearInterval(timer);
  if (line === 'on') {
    await look();
    timer = setInterval(() => void look(), 1000);
  }
  console.log(line);
}
clearInterval(timer);
