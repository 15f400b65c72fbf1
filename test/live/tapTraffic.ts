import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { loadPcap } from '../../hw/tap.ts';
import { KERNEL_TIMEOUT_MS, loadBinding, openLive } from '../../hw/tapBinding.ts';

/**
 * Traffic for tests of the tap:
 *
 *   serve HOST PORT                    answers all bytes with the same bytes, to any number of connections
 *   ping HOST PORT COUNT BYTES         sends numbered bytes and waits for them, COUNT times
 *   flood HOST PORT COUNT BYTES        sends numbered datagrams as fast as the socket takes them
 *   drip HOST PORT COUNT BYTES         sends numbered datagrams, each of them alone in its part of a kernel's buffer
 *   inject INTERFACE FILE              sends the frames of a pcap file (little-endian) as they are
 */
const [what, host, port, ...rest] = process.argv.slice(2);

function datagram(bytes: number, number: number): Buffer {
  const body = Buffer.alloc(bytes);
  body.writeUInt32BE(number);
  return body;
}

async function serve(): Promise<void> {
  const server = createServer({ noDelay: true }, (socket) => {
    socket.on('data', (bytes) => socket.write(bytes));
    socket.on('error', () => socket.destroy());
  });
  server.listen(Number(port), host);
  await once(server, 'listening');
  console.log('ready');
}

async function ping(count: number, bytes: number): Promise<void> {
  const socket = connect(Number(port), host);
  await once(socket, 'connect');
  socket.setNoDelay(true);
  console.log('ready');
  for (let i = 0; i < count; i++) {
    socket.write(datagram(bytes, i));
    let got = 0;
    while (got < bytes) {
      const [part] = (await once(socket, 'data')) as [Buffer];
      got += part.length;
    }
  }
  socket.end();
  await once(socket, 'close');
}

async function flood(count: number, bytes: number): Promise<void> {
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  socket.on('error', () => {});
  console.log('ready');
  for (let i = 0; i < count; ) {
    const sent: Promise<void>[] = [];
    for (let n = 0; n < 64 && i < count; n++, i++) {
      sent.push(
        new Promise((resolve) => {
          socket.send(datagram(bytes, i), Number(port), host, () => resolve());
        }),
      );
    }
    await Promise.all(sent);
  }
  socket.close();
}

/** Longer than a kernel waits for more frames to come into a part of a tap's buffer. */
const APART_MS = 2.5 * KERNEL_TIMEOUT_MS;

async function drip(count: number, bytes: number): Promise<void> {
  const socket = createSocket('udp4');
  socket.on('error', () => {});
  for (let i = 0; i < count; i++) {
    await new Promise<void>((resolve) => socket.send(datagram(bytes, i), Number(port), host, () => resolve()));
    await setTimeout(APART_MS);
  }
  socket.close();
}

/** What the binding can do beyond what the tap asks of it. */
interface Injector {
  inject(frame: Uint8Array): void;
}

async function inject(name: string, path: string): Promise<void> {
  const options = { filter: 'less 1', bufferBytes: 2 ** 20, snaplen: 64, promiscuous: false };
  const { session } = openLive(loadBinding(await loadPcap()), name, options, () => {});
  const file = readFileSync(path);
  for (let at = 24; at < file.length; at += 16 + file.readUInt32LE(at + 8)) {
    const end = at + 16 + file.readUInt32LE(at + 8);
    (session as unknown as Injector).inject(file.subarray(at + 16, end));
  }
}

if (what === 'serve') await serve();
else if (what === 'ping') await ping(Number(rest[0]), Number(rest[1]));
else if (what === 'flood') await flood(Number(rest[0]), Number(rest[1]));
else if (what === 'drip') await drip(Number(rest[0]), Number(rest[1]));
else await inject(host, port);
