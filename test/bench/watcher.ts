/**
 * Looks at a unit: `watcher.js HOST PORT CONTROL LU`. A line `status`, `page`, `metrics`, `all` or `fifty` begins it, `off` ends
 * it, and each is said again once it is so. `fifty` is all, fifty times as often: as many people. `status` asks the control socket each second, as `status --watch` does; `page` asks what a
 * browser asks that shows one volume, as often; `metrics` each second, which is more than any Prometheus does. The clock of all
 * that stands still while nobody looks, so that spans of a second are asked what is due in them, and no more. What comes is
 * only counted: on a machine that is measured, one who looks must not need more of it than the unit that is looked at.
 */
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';

const [host, port, control, lu] = process.argv.slice(2);
const volume = `volume=${encodeURIComponent(lu)}`;
/** Paths, and seconds between two looks at them: those of `src/page/main.ts`. */
const PAGE: readonly [path: string, every: number][] = [
  ['status.json', 1],
  ['events.json', 2],
  [`trend.json?${volume}&span=minutes`, 2],
  [`map.json?${volume}`, 2],
  ['trend.json', 5],
];
const METRICS: readonly [path: string, every: number][] = [['metrics', 1]];
const BEGIN = 'HTTP/1.1 ';

let timer: NodeJS.Timeout | undefined;
/** Those on which nothing is asked now. */
const sockets: Socket[] = [];
/** Seconds that somebody has looked for. */
let second = 0;

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

/** A browser keeps its connections while it asks; one that the unit has let go is made anew. One request at a time on each. */
async function fetchPath(path: string): Promise<void> {
  const idle = sockets.pop();
  const socket = idle !== undefined && !idle.destroyed && idle.writable ? idle : connect(Number(port), host);
  if (socket !== idle) socket.on('error', () => socket.destroy());
  await get(socket, path);
  sockets.push(socket);
}

async function look(what: string): Promise<void> {
  second++;
  const all = what === 'all' || what === 'fifty';
  if (what === 'status' || all) await ask();
  const page = what === 'page' || all ? PAGE : [];
  const metrics = what === 'metrics' || all ? METRICS : [];
  for (const [path, every] of [...page, ...metrics]) if (second % every === 0) await fetchPath(path);
}

for await (const line of createInterface({ input: process.stdin })) {
  clearInterval(timer);
  if (line !== 'off') {
    await look(line);
    timer = setInterval(() => void look(line), line === 'fifty' ? 20 : 1000);
  }
  console.log(line);
}
