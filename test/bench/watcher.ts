/**
 * Looks at a unit: `watcher.js HOST PORT CONTROL LU`. A line `status`, `page`, `metrics` or `all` begins it, `off` ends it, and
 * each is said again once it is so. `status` asks the control socket each second, as `status --watch` does; `page` asks what a
 * browser asks that shows one volume, as often; `metrics` each second, which is more than any Prometheus does. What comes is
 * only counted: on a machine that is measured, one who looks must not need more of it than the unit that is looked at.
 */
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';

const [host, port, control, lu] = process.argv.slice(2);
const volume = `volume=${encodeURIComponent(lu)}`;
/** Paths, and milliseconds between two looks at them: those of `src/page/main.ts`. */
const PAGE: readonly [path: string, everyMs: number][] = [
  ['status.json', 1000],
  ['events.json', 2000],
  [`trend.json?${volume}&span=minutes`, 2000],
  [`map.json?${volume}`, 2000],
  ['trend.json', 5000],
];
const METRICS: readonly [path: string, everyMs: number][] = [['metrics', 1000]];
const BEGIN = 'HTTP/1.1 ';

const timers: NodeJS.Timeout[] = [];
const sockets: Socket[] = [];

/** One connection that is kept, one request at a time. */
function get(to: Socket, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let left = -1;
    const take = (chunk: Buffer): void => {
      let bytes = chunk.length;
      if (left < 0) {
        const head = chunk.toString('latin1', 0, chunk.indexOf('\r\n\r\n') + 4);
        if (!head.startsWith(`${BEGIN}200`)) reject(new Error(head));
        left = Number(/content-length: (\d+)/i.exec(head)?.[1]);
        bytes -= head.length;
      }
      left -= bytes;
      if (left > 0) return;
      to.off('data', take);
      resolve();
    };
    to.on('data', take);
    to.write(`GET /${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  });
}

function ask(): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(control);
    socket.on('error', reject);
    socket.on('data', (chunk: Buffer) => {
      if (chunk.at(-1) !== 10) return;
      socket.destroy();
      resolve();
    });
    socket.write('{"v":1,"do":"status"}\n');
  });
}

async function every(ms: number, act: () => Promise<void>): Promise<void> {
  await act();
  timers.push(setInterval(() => void act(), ms));
}

async function poll(paths: readonly [path: string, everyMs: number][]): Promise<void> {
  for (const [path, everyMs] of paths) {
    const made = connect(Number(port), host);
    sockets.push(made);
    await every(everyMs, () => get(made, path));
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  for (const timer of timers.splice(0)) clearInterval(timer);
  for (const socket of sockets.splice(0)) socket.destroy();
  if (line === 'status' || line === 'all') await every(1000, ask);
  if (line === 'page' || line === 'all') await poll(PAGE);
  if (line === 'metrics' || line === 'all') await poll(METRICS);
  console.log(line);
}
