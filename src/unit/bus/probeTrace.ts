import { setTimeout as pause } from 'node:timers/promises';
import { type LiveProbe, openProbe, type SerialBinding } from '../../../hw/probe.ts';
import type { SourceFault } from '../../base/frames.ts';
import type { SampleSink, TraceSource } from '../../base/samples.ts';

/** How often it is looked whether somebody wants it to end. */
const LOOK_MS = 100;

/** A live probe as a trace that does not end by itself. */
export class ProbeTrace implements TraceSource {
  readonly name: string;
  readonly kind = 'probe';
  readonly total = 0;
  readonly faults: readonly SourceFault[] = [];
  private readonly port: string;
  private readonly binding: SerialBinding | undefined;
  private probe: LiveProbe | undefined;
  private closed = false;

  constructor(port: string, binding?: SerialBinding) {
    this.name = `probe on ${port}`;
    this.port = port;
    this.binding = binding;
  }

  get position(): number {
    return this.probe?.status.bytes ?? 0;
  }

  /** What has come meanwhile was pushed as it came. Rejects with a `Fault` when the probe cannot be used. */
  async pump(sink: SampleSink): Promise<boolean> {
    if (this.closed) return false;
    const { port, binding } = this;
    if (this.probe === undefined) {
      const options = {
        port,
        notice: (text: string) => sink.notice(text),
        ...(binding === undefined ? {} : { binding }),
      };
      this.probe = await openProbe(options, sink);
    }
    const failed = await Promise.race([this.probe.failed, pause(LOOK_MS)]);
    if (failed !== undefined) throw failed;
    return !this.closed;
  }

  async close(): Promise<void> {
    this.closed = true;
    await this.probe?.close();
  }
}
