import { connect, type Socket } from 'node:net';
import { dice, noise } from './files.ts';

/**
 * Somebody who means harm, or a scanner that lost its way: `hostileChild HOST PORT SEED COUNT`. Each of COUNT connections
 * says something that no initiator should, and ends as it likes. Ends with 0 when all of it was said.
 */
const [host, port, seed, count] = [process.argv[2], ...process.argv.slice(3).map(Number)] as [string, ...number[]];
const roll = dice(seed);

/** A basic header segment (RFC 7143 section 11.2) with these bytes and lengths, and so much of what it announces. */
function pdu(opcode: number, ahs: number, dataSegment: number, sent: number): Uint8Array {
  const bytes = new Uint8Array(48 + sent);
  bytes.set(noise(48, roll));
  bytes[0] = opcode;
  bytes[1] = roll(256);
  bytes[4] = ahs;
  bytes.set([dataSegment >>> 16, (dataSegment >>> 8) & 255, dataSegment & 255], 5);
  return bytes;
}

const LOGIN = 0x43;

/** A login request that names the real target, so that it gets further than the rest. */
function login(keys: string): Uint8Array {
  const text = Buffer.from(keys.replaceAll('\n', '\0'));
  const header = pdu(LOGIN, 0, text.length, 0);
  header.set([0x87, 0, 0], 1);
  header.set([0x80, 0, 0, 0, 0, roll(256), 0, 0], 8);
  return Buffer.concat([header, text, Buffer.alloc((4 - (text.length % 4)) % 4)]);
}

const SAYINGS: readonly (() => Uint8Array)[] = [
  () => noise(1 + roll(4000), roll),
  () => new Uint8Array(roll(10_000)),
  () => Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'),
  // Announces much and sends little.
  () => pdu(0x01, 255, 0xff_ffff, roll(100)),
  // Answers, of one who is no target.
  () => pdu(0x21, 0, 4, 4),
  () => pdu(0x05, 0, 0xff_ffff, 512),
  () =>
    login(
      'InitiatorName=iqn.2024-01.lab.example:nobody\nSessionType=Normal\nTargetName=iqn.2024-01.lab.example:live\n',
    ),
  () => login(`InitiatorName=${'x'.repeat(5000)}\n=\n==\nTargetName\n`),
  () =>
    Buffer.concat([
      login(
        'InitiatorName=iqn.2024-01.lab.example:nobody\nSessionType=Normal\nTargetName=iqn.2024-01.lab.example:live\n',
      ),
      pdu(0x01, 0, 0, 0),
      pdu(0x05, 0, 8192, 8192),
      noise(300, roll),
    ]),
];

async function one(): Promise<void> {
  const socket: Socket = connect({ host, port });
  socket.on('error', () => {});
  socket.resume();
  const closed = new Promise((resolve) => socket.once('close', resolve));
  await Promise.race([new Promise((resolve) => socket.once('connect', resolve)), closed]);
  for (let n = roll(3); n >= 0 && !socket.destroyed; n--) socket.write(SAYINGS[roll(SAYINGS.length)]());
  const timer = setTimeout(() => socket.resetAndDestroy(), 20 + roll(100));
  if (roll(3) === 0) socket.end();
  await closed;
  clearTimeout(timer);
}

const lanes = Array.from({ length: 8 }, async (_, lane) => {
  for (let n = lane; n < count; n += 8) await one();
});
await Promise.all(lanes);
process.exit();
