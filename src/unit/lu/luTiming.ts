/** How long an LU behind an initiator may take for what; milliseconds. */
export interface LuTiming {
  /** A TCP connection, and then the login. */
  connectMs: number;
  loginMs: number;
  /** A command, until it is aborted; an answer to task management; a logout. */
  commandMs: number;
  managementMs: number;
  logoutMs: number;
  /** Silence until the target is pinged; more of it until it is said not to answer; what it has to say anything before its session is given up. */
  pingAfterMs: number;
  silentMs: number;
  pongMs: number;
  /** A lost session is opened anew for so long before calls fail. */
  reconnectMs: number;
  /** BUSY, TASK SET FULL and a medium that becomes ready are waited for so long. */
  busyMs: number;
}

export const LU_TIMING: LuTiming = {
  connectMs: 5000,
  loginMs: 10_000,
  commandMs: 30_000,
  managementMs: 10_000,
  logoutMs: 3000,
  pingAfterMs: 1500,
  silentMs: 2000,
  pongMs: 13_500,
  reconnectMs: 10_000,
  busyMs: 30_000,
};

/** The clock of every session: monotonic, nanoseconds. */
export function monotonicNs(): number {
  return performance.now() * 1e6;
}

/** Waits; ends early, without a word, when `signal` aborts. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) {
      resolve();
      return;
    }
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener('abort', done);
  });
}
