/**
 * Looks at a unit's page and metrics each second, as a browser and Prometheus would: `watcher.js HOST PORT LU`. It begins and
 * ends at a line `on` or `off`, and says so. What comes is only counted: on a machine that is measured, one who looks must not
 * need more of it than the unit that is looked at.
 */
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';

const [host, port, lu] = process.argv.slice(2);
const volume = `volume=${encodeURIComponent(lu)}`;
const PATHS = ['status.json', 'events.json', 'trend.json', `trend.json?${volume}`, `map.json?${volume}`, 'metrics'];
const REQUESTS = PATHS.map((path) => `GET /${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`).join('');
const BEGIN = 'HTTP/1.1 ';
let timer: NodeJS.Timeout | undefined;
let socket: Socket | undefined;

function look(to: Socket): Promise<void> {
  return new Promise((resolve) => {
    let answers = 0;
    const count = (chunk: Buffer): void => {
      for (let at = chunk.indexOf(BEGIN); at >= 0; at = chunk.indexOf(BEGIN, at + 1)) {
        if (!chunk.toString('latin1', at + BEGIN.length).startsWith('200'))
          throw new Error(chunk.toString('latin1', at));
        answers++;
      }
      if (answers < PATHS.length) return;
      to.off('data', count);
      resolve();
    };
    to.on('data', count);
    to.write(REQUESTS);
  });
}

for await (const line of createInterface({ input: process.stdin })) {
  clearInterval(timer);
  socket?.destroy();
  if (line === 'on') {
    const made = connect(Number(port), host);
    socket = made;
    await look(made);
    timer = setInterval(() => void look(made), 1000);
  }
  console.log(line);
}
