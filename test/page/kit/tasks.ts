interface TraceEvent {
  name: string;
  ph: string;
  pid: number;
  tid: number;
  /** Microseconds of the thread's processor time: what else the machine does beside is not in it. */
  tdur?: number;
  args: { name?: string };
}

/** What a trace has to hold for that. */
export const TASKS = ['toplevel'];

/** Milliseconds of processor time of each task of the page's own thread, longest first, from a trace of the browser. */
export function tasksOf(trace: Uint8Array): number[] {
  const { traceEvents } = JSON.parse(new TextDecoder().decode(trace)) as { traceEvents: TraceEvent[] };
  const threadOf = ({ pid, tid }: TraceEvent): string => `${pid} ${tid}`;
  const mains = new Set(
    traceEvents.filter(({ name, args }) => name === 'thread_name' && args.name === 'CrRendererMain').map(threadOf),
  );
  return traceEvents
    .filter((one) => one.ph === 'X' && one.name.endsWith('RunTask') && mains.has(threadOf(one)))
    .map(({ tdur = 0 }) => tdur / 1000)
    .sort((a, b) => b - a);
}
