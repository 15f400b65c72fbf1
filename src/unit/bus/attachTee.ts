import type { Fault } from '../../base/fault.ts';
import { StatusGate } from '../../gate/statusGate.ts';
import type { WriteGate } from '../../gate/writeGate.ts';
import type { Snoop } from '../../snoop/snoop.ts';
import type { TeeSource } from '../config/configTypes.ts';
import type { SourceStatus } from '../watch/status.ts';
import type { Attachment } from './attachment.ts';
import { openTee, type RunningTee } from './tee.ts';

export interface TeeParts {
  snoop: Snoop;
  notice: (text: string) => void;
  /** Where commands that write wait for their marks, for `status: recorded`. */
  writes?: WriteGate;
}

/** Puts the unit in front of its target (requirement A3). Rejects with a `Fault` when it cannot listen. */
export async function attachTee(config: TeeSource, { snoop, notice, writes }: TeeParts): Promise<Attachment> {
  const gates = writes && { writes, gate: new StatusGate(writes.policy) };
  const tee = await openTee({
    listen: config.listen,
    target: config.target,
    snoop,
    ...gates,
    rewriteDiscovery: config.rewriteDiscovery,
    connectionsMax: config.connections,
    awakeUs: config.awakeUs,
    notice,
  });
  return new TeeAttachment(config, tee, gates);
}

interface Gates {
  writes: WriteGate;
  gate: StatusGate;
}

class TeeAttachment implements Attachment {
  readonly text: string;
  /** A tee passes bytes whatever happens to the rest. */
  readonly failed = new Promise<Fault>(() => {});
  readonly #tee: RunningTee;
  readonly #gates: Gates | undefined;

  constructor({ target }: TeeSource, tee: RunningTee, gates: Gates | undefined) {
    this.text = `tee ${tee.listening} -> ${target}`;
    this.#tee = tee;
    this.#gates = gates;
  }

  status(): SourceStatus {
    const { accepted } = this.#tee;
    const connections = this.#tee.connections();
    const status: SourceStatus = { kind: 'tee', text: this.text, accepted, connections };
    if (this.#gates === undefined) return status;
    const { writes, gate } = this.#gates;
    return { ...status, writes: counts(writes), statuses: counts(gate) };
  }

  /** It moves the snoop's clock on by itself. */
  tick(): void {}

  /** Bytes go through the snoop as they are handed on. */
  async seen(): Promise<void> {}

  stop(): Promise<void> {
    return this.#tee.stop();
  }
}

function counts({ holding, held }: { holding: number; held: number }): { holding: number; held: number } {
  return { holding, held };
}
