import { connect, createServer } from 'node:net';
import { performance } from 'node:perf_hooks';
import { Fault } from '../src/base/fault.ts';

/** Milliseconds that a TCP connection took. Rejects with a `Fault` where none can be made in time. */
export function reach(host: string, port: number, withinMs: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const began = performance.now();
    const socket = connect({ host, port });
    const fail = (why: string): void => {
      clearTimeout(timer);
      socket.destroy();
      const mend = 'look at what listens there, and at the network and the firewalls on the way';
      reject(new Fault('local', `no connection to ${host} port ${port}: ${why}`, mend, { unreachable: true }));
    };
    const timer = setTimeout(() => fail(`no answer within ${withinMs / 1000} s`), withinMs);
    socket.once('error', (error: NodeJS.ErrnoException) => fail(error.code ?? error.message));
    socket.once('connect', () => {
      clearTimeout(timer);
      socket.destroy();
      resolve(performance.now() - began);
    });
  });
}

/** Why nobody could listen there; undefined where one could. */
export function whyNotListen(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}
