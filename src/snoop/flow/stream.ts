/** Which end of a connection sent something: 0 sent the first frame that was seen. */
export type Side = 0 | 1;

/**
 * What a TCP connection delivers, in causal order: bytes that the receiver has acknowledged, or holes of known length.
 * `bytes` is borrowed for the call. The `Moment` says which frame brought what is delivered.
 */
export interface StreamSink {
  bytes(side: Side, bytes: Uint8Array, offset: number, length: number): void;
  hole(side: Side, length: number): void;
  /** Two copies of the same bytes differ and no checksum decides: a hole, unless a data digest proves one of them. */
  disputed(side: Side, bytes: Uint8Array, offset: number, rival: Uint8Array, length: number): void;
  /** The side has sent FIN, and everything before it is delivered. */
  fin(side: Side): void;
  /** RST by `side`, and nothing before it is missing; `end` follows after the reordering window. */
  reset(side: Side): void;
  /** RST by `side`, a new connection on the same ports, or the end of the capture: nothing more follows. */
  end(how: 'reset' | 'reused' | 'source-end', side: Side): void;
}

/** The ends of a connection: addresses as they stand in an IP header (4 or 16 bytes), side 0 first. */
export interface StreamEnds {
  addresses: [Uint8Array, Uint8Array];
  ports: [number, number];
}

/** What brings the bytes to a `StreamSink`: a captured TCP connection, or one that passes through the unit itself. */
export interface Carrier {
  /** Which side opened it; undefined where that was not seen. */
  readonly opener: Side | undefined;
  /** True when the stream of `side` is known from its first byte. */
  begun(side: Side): boolean;
  /** Both sides have ended theirs. */
  readonly finished: boolean;
  /** It is no iSCSI: nothing more needs to be delivered. */
  disown(): void;
  /** It is over, whatever else is still to come: `end` follows. */
  finish(how: 'reused' | 'source-end'): void;
}

/** How patient the reassembler is with bytes that the receiver has but the capture has not (yet) shown. */
export interface ReorderLimits {
  /** Nanoseconds of capture time. */
  ns: number;
  /** Payload bytes that may arrive on the connection meanwhile. */
  bytes: number;
}
