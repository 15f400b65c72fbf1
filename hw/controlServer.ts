import { lstat, stat, unlink } from 'node:fs/promises';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { Fault } from '../src/base/fault.ts';
import { givenGroup, shareSocket } from './controlGroup.ts';
import {
  CONTROL_VERSION,
  type ControlError,
  type ControlProgress,
  type ControlRequest,
  Lines,
  objectOf,
  REQUEST_BYTES_MAX,
  refuseLongPath,
} from './controlWire.ts';

export interface ControlOptions {
  path: string;
  /** A group whose members may ask as well as the unit's own user; absent: none. */
  group?: string | undefined;
  /**
   * What a request comes to. A `Fault` that it throws is told to the peer; any other error is told as our own mistake.
   * What takes long tells how far it is, at least every few seconds, and ends when the signal does: the peer has gone.
   */
  answer: (request: ControlRequest, job: ControlJob) => unknown;
  /** Errors that are not a peer's. */
  failed: (error: unknown) => void;
  /** A peer that asks nothing and takes nothing for so long is let go. */
  idleMs?: number;
  connectionsMax?: number;
}

export interface ControlJob {
  progress: (progress: ControlProgress) => void;
  signal: AbortSignal;
}

const IDLE_MS = 10_000;
const CONNECTIONS_MAX = 32;
/** What is being answered when the socket is closed is waited for so long. */
const LAST_MS = 1000;
/** How long an answer of a unit that holds the socket is waited for. */
const PROBE_MS = 2000;
/** Only the unit's own user may ask, until the socket is given to a group. */
const SOCKET_UMASK = 0o177;

/** The control socket of a running unit. Whatever peers send costs a bounded amount and touches nothing else. */
export class ControlServer {
  readonly #options: ControlOptions & { idleMs: number; connectionsMax: number };
  readonly #server: Server;
  readonly #peers = new Set<Socket>();
  /** Answers that are being worked out or taken. */
  readonly #answering = new Set<Promise<void>>();

  private constructor(options: ControlOptions) {
    this.#options = { idleMs: IDLE_MS, connectionsMax: CONNECTIONS_MAX, ...options };
    // A peer may end its side once it has asked.
    this.#server = createServer({ allowHalfOpen: true }, (socket) => this.#greet(socket));
  }

  /**
   * Listens, mode 0600, or 0660 for a group. Rejects with a `Fault` where a living unit, or something that is no socket, has
   * the path, or where the group cannot have it.
   */
  static async open(options: ControlOptions): Promise<ControlServer> {
    const { path, group } = options;
    await clearControlPath(path, group);
    // Listening would call a missing folder a lack of rights.
    await stat(dirname(path)).catch((error: NodeJS.ErrnoException) => {
      throw listenFault(path, error);
    });
    const control = new ControlServer(options);
    await control.#listen();
    if (group === undefined) return control;
    try {
      await shareSocket(path, group);
    } catch (error) {
      await control.close();
      throw error;
    }
    return control;
  }

  /** Connections that are served now. */
  get peers(): number {
    return this.#peers.size;
  }

  /** Lets every peer go and removes the socket; whoever waits for the end of what is ending now is told it first. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, LAST_MS);
    });
    await Promise.race([Promise.allSettled(this.#answering), late]);
    clearTimeout(timer);
    for (const peer of this.#peers) peer.destroy();
    await closed;
  }

  async #listen(): Promise<void> {
    const { path } = this.#options;
    await new Promise<void>((resolve, reject) => {
      const refuse = (error: NodeJS.ErrnoException): void => reject(listenFault(path, error));
      this.#server.once('error', refuse);
      // The socket's file is made inside this call: it never has wider rights, not even for a moment.
      const umask = process.umask(SOCKET_UMASK);
      try {
        this.#server.listen({ path }, () => {
          this.#server.off('error', refuse).on('error', this.#options.failed);
          resolve();
        });
      } finally {
        process.umask(umask);
      }
    });
  }

  #greet(socket: Socket): void {
    const { connectionsMax, idleMs } = this.#options;
    socket.on('error', () => socket.destroy());
    if (this.#peers.size >= connectionsMax) {
      bye(socket, { message: `${connectionsMax} others are connected already`, mend: 'try again' });
      return;
    }
    this.#peers.add(socket);
    socket.once('close', () => this.#peers.delete(socket));
    socket.setTimeout(idleMs, () => letGo(socket));
    this.#serve(socket).catch((error: unknown) => {
      socket.destroy();
      this.#options.failed(error);
    });
  }

  /** One request after the other; the next is read only when the peer has taken the answer. */
  async #serve(socket: Socket): Promise<void> {
    const lines = new Lines(REQUEST_BYTES_MAX);
    const chunks = socket.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>;
    try {
      for await (const bytes of chunks) {
        const whole = lines.push(bytes);
        for (const line of whole ?? []) {
          const request = objectOf(line);
          if (request === undefined) {
            bye(socket, { message: 'not a JSON object on one line', mend: 'ask for example {"v":1,"do":"status"}' });
            return;
          }
          await this.#reply(socket, request);
        }
        if (whole === undefined) {
          bye(socket, {
            message: `a request longer than ${REQUEST_BYTES_MAX} bytes`,
            mend: 'end each with a line feed',
          });
          return;
        }
      }
      if (lines.pending > 0) bye(socket, { message: 'a request without an end', mend: 'end each with a line feed' });
      else socket.end();
    } catch (error) {
      // The peer went away in the middle, or was idle: that is its own affair.
      if (!socket.destroyed) throw error;
    }
  }

  async #reply(socket: Socket, request: Record<string, unknown>): Promise<void> {
    const reply = this.#work(socket, request).then((answer) =>
      answer === undefined ? undefined : taken(socket, `${JSON.stringify(answer)}\n`),
    );
    this.#answering.add(reply);
    try {
      await reply;
    } finally {
      this.#answering.delete(reply);
    }
  }

  /** The answer, or undefined when the peer has gone meanwhile. */
  async #work(socket: Socket, request: Record<string, unknown>): Promise<object | undefined> {
    const gone = new AbortController();
    const close = (): void => gone.abort();
    const progress = (told: ControlProgress): void => {
      // One who does not read is told less often.
      if (socket.destroyed || socket.writableNeedDrain) return;
      socket.write(`${JSON.stringify({ v: CONTROL_VERSION, progress: told })}\n`);
    };
    socket.once('close', close).setTimeout(0);
    try {
      const answer = await this.#answer(request, { progress, signal: gone.signal });
      return socket.destroyed ? undefined : answer;
    } finally {
      socket.off('close', close).setTimeout(this.#options.idleMs);
    }
  }

  async #answer(request: Record<string, unknown>, job: ControlJob): Promise<object> {
    if (request.v !== CONTROL_VERSION || typeof request.do !== 'string') {
      const mend = `use the tapmirror of the unit's own version; this unit speaks {"v":${CONTROL_VERSION},"do":"status"}`;
      return refusal({ message: 'a request that this version of the unit does not know', mend });
    }
    try {
      const result = (await this.#options.answer(request as unknown as ControlRequest, job)) ?? null;
      return { v: CONTROL_VERSION, ok: true, result };
    } catch (error) {
      // Whatever ended a job that nobody waits for any more is of no account.
      if (job.signal.aborted) return refusal({ message: 'given up' });
      if (error instanceof Fault && error.blame !== 'bug') {
        return refusal({ message: error.message, ...(error.mend === undefined ? {} : { mend: error.mend }) });
      }
      this.#options.failed(error);
      return refusal({ message: 'a mistake in tapmirror itself', mend: "see the unit's log, and report it" });
    }
  }
}

/**
 * Makes sure that a control socket can be made at `path`, and given to the group: a socket that a killed unit left behind is
 * removed. Rejects with a `Fault` when a unit answers there, or when something else has the path.
 */
export async function clearControlPath(path: string, group?: string): Promise<void> {
  refuseLongPath(path);
  if (group !== undefined) await givenGroup(group);
  const kind = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw listenFault(path, error);
  });
  if (kind === undefined) return;
  if (!kind.isSocket()) {
    const what = `${path} is there and is no socket`;
    throw new Fault('local', what, 'name another path in "control", or move that away');
  }
  if (await answers(path)) {
    const what = `a unit is running at the control socket ${path}`;
    throw new Fault('local', what, 'stop it first, or give this unit a "state" and a "control" of its own');
  }
  await unlink(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw listenFault(path, error);
  });
}

/** Whether somebody listens. Only a refused connection proves that nobody does. */
async function answers(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ path });
    const end = (living: boolean): void => {
      socket.destroy();
      resolve(living);
    };
    socket.setTimeout(PROBE_MS, () => end(true));
    socket.once('connect', () => end(true));
    socket.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED' || error.code === 'ENOENT') end(false);
      else if (error.code === 'EAGAIN') end(true);
      else reject(listenFault(path, error));
    });
  });
}

/** Resolves once the peer has taken the text; rejects when it went away. */
async function taken(socket: Socket, text: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    socket.write(text, (error) => (error ? reject(error) : resolve()));
  });
}

/** A peer whose time is over. What it said while this process itself stood still is read only after the timers that are due. */
function letGo(socket: Socket): void {
  const { bytesRead } = socket;
  setImmediate(() => {
    if (socket.bytesRead === bytesRead) socket.destroy();
  });
}

/** Says why, and hangs up without reading further. */
function bye(socket: Socket, error: ControlError): void {
  socket.end(`${JSON.stringify(refusal(error))}\n`, () => socket.destroy());
}

function refusal(error: ControlError): object {
  return { v: CONTROL_VERSION, ok: false, error };
}

const WORDS: Readonly<Record<string, readonly [what: string, mend: string]>> = {
  ENOENT: ['lies in a folder that does not exist', 'create the folder, or name another path in "control"'],
  ENOTDIR: ['has a part in its path that is not a folder', 'correct the path in "control"'],
  EACCES: ['may not be used by this user', 'name a path in a folder of this user in "control"'],
  EPERM: ['may not be used by this user', 'name a path in a folder of this user in "control"'],
  EROFS: ['lies on a read-only file system', 'name another path in "control"'],
  ENOSPC: ['has no space left on its file system', 'free some space there'],
  EADDRINUSE: ['was taken by another unit at this moment', 'give each unit a "control" of its own'],
};

function listenFault(path: string, error: NodeJS.ErrnoException): Fault {
  const [what, mend] = WORDS[error.code ?? ''] ?? [`cannot be used: ${error.message}`, 'check the path in "control"'];
  return new Fault('local', `the control socket ${path} ${what}`, mend, { cause: error });
}
