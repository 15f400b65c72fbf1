import { createConnection } from 'node:net';
import { Fault } from '../src/base/fault.ts';
import {
  ANSWER_BYTES_MAX,
  CONTROL_VERSION,
  type ControlProgress,
  type ControlRequest,
  Lines,
  NoAnswer,
  objectOf,
  refuseLongPath,
} from './controlWire.ts';

const TIMEOUT_MS = 10_000;

/**
 * Asks the unit whose control socket is at `path`. Resolves with the `result` of its answer, which nobody has checked yet.
 * A unit that says nothing for `timeoutMs`, not even how far it is, does not answer.
 * A signal leaves the unit, which ends a job; then it resolves with null. Rejects with `NoAnswer` when no unit answers, else with the `Fault` that the unit answered.
 */
export async function askControl(
  path: string,
  request: ControlRequest,
  timeoutMs: number = TIMEOUT_MS,
  progress: (progress: ControlProgress) => void = () => {},
  signal?: AbortSignal,
): Promise<unknown> {
  refuseLongPath(path);
  const answer = await exchange(path, { v: CONTROL_VERSION, ...request }, timeoutMs, progress, signal);
  const mend = "use the tapmirror of the unit's own version";
  if (answer === undefined) throw new Fault('peer', `what answers at ${path} is no unit`, 'check the path');
  if (answer.v !== CONTROL_VERSION) throw new Fault('peer', `the unit at ${path} answers in another version`, mend);
  if (answer.ok === true) return answer.result;
  const { message, mend: advice } = (answer.error ?? {}) as Record<string, unknown>;
  const words = typeof message === 'string' ? message : 'it refuses, without a word why';
  throw new Fault('peer', `the unit at ${path}: ${words}`, typeof advice === 'string' ? advice : mend);
}

/** Sends one line and resolves with the answer that comes back, if it is a JSON object. */
async function exchange(
  path: string,
  request: object,
  timeoutMs: number,
  progress: (progress: ControlProgress) => void,
  signal: AbortSignal | undefined,
): Promise<Record<string, unknown> | undefined> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ path });
    const lines = new Lines(ANSWER_BYTES_MAX);
    const timer = setTimeout(() => {
      fail(new NoAnswer(`the unit at ${path} does not answer within ${timeoutMs / 1000} s`, 'see its log'));
    }, timeoutMs);
    const fail = (fault: Fault): void => {
      clearTimeout(timer);
      socket.destroy();
      reject(fault);
    };
    signal?.addEventListener('abort', () => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ v: CONTROL_VERSION, ok: true, result: null });
    });
    socket.once('error', (error) => fail(connectFault(path, error)));
    socket.once('end', () => fail(new NoAnswer(`the unit at ${path} hung up without an answer`, 'see its log')));
    socket.on('data', (bytes: Buffer) => {
      const whole = lines.push(bytes);
      if (whole === undefined) fail(new Fault('peer', `the answer at ${path} has no end`, 'check the path'));
      for (const line of whole ?? []) {
        const answer = objectOf(line);
        const told = progressOf(answer);
        if (told === undefined) {
          clearTimeout(timer);
          socket.destroy();
          resolve(answer);
          return;
        }
        timer.refresh();
        progress(told);
      }
    });
    socket.write(`${JSON.stringify(request)}\n`);
  });
}

function progressOf(line: Record<string, unknown> | undefined): ControlProgress | undefined {
  const { done, total, told } = (line?.progress ?? {}) as Record<string, unknown>;
  if (typeof done !== 'number' || typeof total !== 'number') return undefined;
  return { done, total, ...(told === undefined ? {} : { told }) };
}

function connectFault(path: string, cause: NodeJS.ErrnoException): Fault {
  const options = { cause };
  const start = 'start it with `tapmirror run --config FILE`';
  switch (cause.code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return new NoAnswer(`there is no control socket at ${path}: the unit is not running`, start, options);
    case 'ECONNREFUSED':
      return new NoAnswer(`no unit answers at ${path}: it was killed`, start, options);
    case 'EACCES':
    case 'EPERM':
      return new Fault(
        'local',
        `the control socket ${path} belongs to another user`,
        'ask as the user of the unit, or as a member of its `controlGroup`',
        options,
      );
    case 'EPIPE':
    case 'ECONNRESET':
      return new NoAnswer(`the unit at ${path} hung up without an answer`, 'see its log', options);
    default:
      return new Fault(
        'local',
        `the control socket ${path} cannot be used: ${cause.message}`,
        'check the path',
        options,
      );
  }
}
