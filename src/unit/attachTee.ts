import type { LuId } from '../base/change.ts';
import type { Fault } from '../base/fault.ts';
import { recorded, StatusGate } from '../gate/statusGate.ts';
import type { Snoop } from '../snoop/snoop.ts';
import type { Attachment } from './attachment.ts';
import type { TeeSource } from './configTypes.ts';
import type { SourceStatus } from './status.ts';
import { openTee, type RunningTee } from './tee.ts';

export interface TeeParts {
  snoop: Snoop;
  notice: (text: string) => void;
  /** Resolves when every mark of the LU made so far survives a power loss; undefined where none is kept. */
  synced: (lu: LuId) => Promise<void> | undefined;
}

/** Puts the unit in front of its target (requirement A3). Rejects with a `Fault` when it cannot listen. */
export async function attachTee(config: TeeSource, { snoop, notice, synced }: TeeParts): Promise<Attachment> {
  const failed = (error: unknown): void => notice(`the record could not be synced: ${words(error)}`);
  const gate = config.status === 'recorded' ? new StatusGate(recorded(synced), failed) : undefined;
  const tee = await openTee({
    listen: config.listen,
    target: config.target,
    snoop,
    ...(gate ? { gate } : {}),
    rewriteDiscovery: config.rewriteDiscovery,
    connectionsMax: config.connections,
    notice,
  });
  return new TeeAttachment(config, tee, gate);
}

class TeeAttachment implements Attachment {
  readonly text: string;
  /** A tee passes bytes whatever happens to the rest. */
  readonly failed = new Promise<Fault>(() => {});
  readonly #tee: RunningTee;
  readonly #gate: StatusGate | undefined;

  constructor({ target }: TeeSource, tee: RunningTee, gate: StatusGate | undefined) {
    this.text = `tee ${tee.listening} -> ${target}`;
    this.#tee = tee;
    this.#gate = gate;
  }

  status(): SourceStatus {
    const { accepted } = this.#tee;
    const held = this.#gate && { holding: this.#gate.holding, held: this.#gate.held };
    const connections = this.#tee.connections();
    return { kind: 'tee', text: this.text, accepted, connections, ...(held ? { statuses: held } : {}) };
  }

  /** It moves the snoop's clock on by itself. */
  tick(): void {}

  stop(): Promise<void> {
    return this.#tee.stop();
  }
}

function words(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
