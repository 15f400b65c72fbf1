import { Probe, ProbeFrames, probeCommand } from '../parsers/bus/probeFrames.ts';
import { type ProbeHello, parseHello } from '../parsers/bus/probePackets.ts';
import { isParseFault } from '../src/base/fault.ts';
import type { ProbeLine } from './probeSession.ts';

const REPEAT_MS = 500;

/** Opens a line, asks for HELLO until one comes or the time is over, and closes the line. */
export async function askHello(
  open: (line: ProbeLine) => Promise<void>,
  waitMs: number,
): Promise<ProbeHello | undefined> {
  let found: (hello: ProbeHello | undefined) => void = () => {};
  const answer = new Promise<ProbeHello | undefined>((resolve) => {
    found = resolve;
  });
  const frames = new ProbeFrames({
    packet: (type, _seq, b, to) => {
      const hello = type === Probe.HELLO ? parseHello(b, to) : undefined;
      if (hello !== undefined && !isParseFault(hello)) found(hello);
    },
    badFrame: () => {},
  });
  const line: ProbeLine = {
    received: (bytes) => frames.push(bytes, 0, bytes.length),
    broke: () => found(undefined),
    write: () => {},
    close: () => Promise.resolve(),
    present: () => Promise.resolve(true),
  };
  await open(line);
  let seq = 0;
  const ask = (): void => line.write(probeCommand(Probe.ASK_HELLO, seq++));
  ask();
  const repeat = setInterval(ask, REPEAT_MS);
  const over = setTimeout(() => found(undefined), waitMs);
  try {
    return await answer;
  } finally {
    clearInterval(repeat);
    clearTimeout(over);
    await line.close();
  }
}
