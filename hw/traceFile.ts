import { stat } from 'node:fs/promises';
import { JsonReader } from '../parsers/bus/json.ts';
import { ProbeReader } from '../parsers/bus/probe.ts';
import { looksLikeProbe } from '../parsers/bus/probeFrames.ts';
import type { TraceFault } from '../parsers/bus/traceFault.ts';
import { VcdReader } from '../parsers/bus/vcd.ts';
import { Fault } from '../src/base/fault.ts';
import type { SourceFault } from '../src/base/frames.ts';
import type { SampleSink, SignalNames, TraceKind, TraceSource } from '../src/base/samples.ts';
import { type ByteSource, PeekedBytes, peek } from './captureBytes.ts';
import { isStandardInput, mendOf, openBytes } from './captureFile.ts';
import { GunzipBytes, isGzip } from './captureGzip.ts';
import { readingFault } from './captureStream.ts';

export interface TraceOptions {
  /** What the lines are called in a VCD; those that are not named are found by their usual names. */
  signals?: SignalNames;
  /** Bytes read at a time; 256 KiB. */
  chunkBytes?: number;
}

/** What all readers of traces have in common. */
interface TraceReader {
  readonly fault: TraceFault | undefined;
  readonly opened: boolean;
  push(bytes: Uint8Array, from: number, to: number, sink: SampleSink): void;
  finish(sink: SampleSink): void;
}

const CHUNK = 1 << 18;
/** Bytes that are looked at to tell what a file is. */
const HEAD = 4096;
const FORMATS = "give a VCD, scsimon's JSON or the bytes of a probe, plain or packed with gzip";

/**
 * The kind of trace that a file is: by its name (`.vcd`, `.json`, `.probe`, each also with `.gz`), else by its first bytes.
 * Undefined for anything else: a capture, a file that cannot be read, a pipe (which cannot be looked at twice).
 */
export async function traceKindOf(path: string): Promise<TraceKind | undefined> {
  const named = kindByName(path);
  if (named !== undefined || isStandardInput(path)) return named;
  let source: ByteSource | undefined;
  try {
    if (!(await stat(path)).isFile()) return undefined;
    source = await openBytes(path);
    const unpacked = await unpack(source);
    source = unpacked.source;
    return kindByContent(unpacked.head);
  } catch {
    return undefined;
  } finally {
    await source?.close();
  }
}

/**
 * Opens a trace; `-` is standard input. Rejects with a `Fault` that names the file when it cannot be read or is none. What a
 * VCD's declarations lack (a signal of the bus) is told by the first `pump` that gets so far: it rejects with a `Fault`.
 */
export async function openTrace(path: string, options: TraceOptions = {}): Promise<TraceSource> {
  const name = isStandardInput(path) ? 'standard input' : path;
  let source: ByteSource | undefined;
  try {
    source = await openBytes(path);
    const unpacked = await unpack(source);
    source = unpacked.source;
    if (unpacked.head.length === 0) throw new Fault('local', `${name}: is empty`, FORMATS);
    const kind = kindByName(path) ?? kindByContent(unpacked.head);
    if (kind === undefined) throw new Fault('local', `${name}: is no trace of a bus`, FORMATS);
    return new TraceFile(name, kind, source, options);
  } catch (error) {
    await source?.close();
    if (error instanceof Fault) throw error;
    throw new Fault('local', `${name}: ${readingFault(error)}`, mendOf(error, FORMATS), { cause: error });
  }
}

async function unpack(packed: ByteSource): Promise<{ head: Uint8Array; source: ByteSource }> {
  const magic = await peek(packed, 2);
  const whole = new PeekedBytes(magic, packed);
  const source = isGzip(magic) ? new GunzipBytes(whole) : whole;
  const head = await peek(source, HEAD);
  return { head, source: new PeekedBytes(head, source) };
}

function kindByName(path: string): TraceKind | undefined {
  return /\.(vcd|json|probe)(?:\.gz)?$/i.exec(path)?.[1].toLowerCase() as TraceKind | undefined;
}

function kindByContent(head: Uint8Array): TraceKind | undefined {
  const start = Buffer.from(head.buffer, head.byteOffset, Math.min(head.length, 200)).toString('latin1');
  if (/^\s*\$(?:date|version|comment|timescale|scope|var)\s/.test(start)) return 'vcd';
  if (/^\s*\[\s*\{\s*"(?:id|timestamp|data)"/.test(start)) return 'json';
  return looksLikeProbe(head) ? 'probe' : undefined;
}

function readerFor(kind: TraceKind, signals: SignalNames | undefined): TraceReader {
  switch (kind) {
    case 'vcd':
      return new VcdReader(signals);
    case 'json':
      return new JsonReader();
    case 'probe':
      return new ProbeReader();
  }
}

class TraceFile implements TraceSource {
  readonly name: string;
  readonly kind: TraceKind;
  readonly faults: SourceFault[] = [];
  private readonly source: ByteSource;
  private readonly reader: TraceReader;
  private readonly chunk: Uint8Array;
  private offset = 0;
  private ended = false;

  constructor(name: string, kind: TraceKind, source: ByteSource, options: TraceOptions) {
    this.name = name;
    this.kind = kind;
    this.source = source;
    this.reader = readerFor(kind, options.signals);
    this.chunk = new Uint8Array(options.chunkBytes ?? CHUNK);
  }

  get position(): number {
    return this.source.position;
  }

  get total(): number {
    return this.source.total;
  }

  async pump(sink: SampleSink): Promise<boolean> {
    if (this.ended) return false;
    const { reader, chunk } = this;
    const count = await this.read();
    if (this.ended) return false;
    if (count > 0) reader.push(chunk, 0, count, sink);
    this.offset += count;
    if (count > 0 && reader.fault === undefined) return true;
    this.ended = true;
    reader.finish(sink);
    const { fault } = reader;
    if (fault !== undefined) {
      if (!reader.opened) throw new Fault('local', `${this.name}: ${fault.reason}`, fault.mend ?? FORMATS);
      this.broken(fault.offset, fault.reason);
    }
    await this.source.close();
    return false;
  }

  /** Fills the chunk; 0 at the end or where the file cannot be read on. */
  private async read(): Promise<number> {
    try {
      if (this.source.readNow === undefined) return await this.source.read(this.chunk);
      // Signals, timers and finished writes get their turn between two chunks.
      await new Promise(setImmediate);
      return this.ended ? 0 : this.source.readNow(this.chunk);
    } catch (error) {
      if (!this.ended) this.broken(this.offset, readingFault(error));
      return 0;
    }
  }

  private broken(offset: number, reason: string): void {
    if (this.faults.length === 0) this.faults.push({ file: this.name, offset, reason });
  }

  async close(): Promise<void> {
    this.ended = true;
    await this.source.close();
  }
}
