import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';

const LOWEST = 10_000;
/** Where the system's own choice begins, if it cannot be asked. */
const ITS_OWN = 32_768;
/** Each process takes its turns from a place of its own. */
const APART = 97;

let turn = 0;

/**
 * A port of this machine that nobody listens at. The system gives it to nobody who asks for any: tests beside this one do so
 * all the time, and this one is often taken only by a process that is still to start, or free while one is started again.
 */
export async function freePort(): Promise<number> {
  const count = Math.max(1000, lowestOfTheSystem() - LOWEST);
  for (;;) {
    const port = LOWEST + ((process.pid * APART + turn++) % count);
    const server = createServer();
    const listening = once(server, 'listening').then(
      () => true,
      () => false,
    );
    server.listen(port, '127.0.0.1');
    if (!(await listening)) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
}

function lowestOfTheSystem(): number {
  try {
    return Number(readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'latin1').split(/\s+/)[0]) || ITS_OWN;
  } catch {
    return ITS_OWN;
  }
}
