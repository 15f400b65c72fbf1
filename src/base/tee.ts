/** Where one connection through the tee begins and ends. Addresses as the operating system writes them. */
export interface TeeEnds {
  /** Connections through the tee in order of their arrival, from 1. */
  readonly connection: number;
  readonly hostAddress: string;
  readonly hostPort: number;
  /** The tee's own address and port as the host reached them. */
  readonly localAddress: string;
  readonly localPort: number;
  readonly targetAddress: string;
  readonly targetPort: number;
}

/**
 * What looks at the bytes of one connection through the tee, before they are handed on or, where it says so, right after
 * (before anything else is read from any connection). Calls are synchronous and bytes are
 * borrowed for their time: the first `length` of the array.
 *
 * `hostGoesFirst`, `fromHost`, `fromTarget`, `finHost`, `finTarget` and `reset` throw only for a bug, and before they have
 * taken anything: then `giveUp` is called, and the connection goes on without being looked at. From there on `hostGoesFirst`,
 * `fromHost` and `finHost` only keep the order behind what still waits, and do not throw; the others are not called, up to `close`.
 */
export interface TeeTap {
  /**
   * True: they are handed on as they are. False: the tap has taken them and hands on through its outlet what is due. Always
   * true after `hostGoesFirst` was.
   */
  fromHost(bytes: Uint8Array, length: number): boolean;
  /** True: the host's next `length` bytes are handed on, and shown after that. */
  hostGoesFirst(length: number): boolean;
  /** True: so may all of the target's, and `fromTarget` is always true. */
  readonly targetGoesFirst: boolean;
  /** True: they are handed on as they are. False: the tap has taken them and hands on through its outlet what is due. */
  fromTarget(bytes: Uint8Array, length: number): boolean;
  /** This side has ended its direction. True: that is handed on at once. False: the tap ends its outlet when it has handed on what it holds. */
  finHost(): boolean;
  finTarget(): boolean;
  /** The connection was reset by, or broke at, this side; the other side is being told. */
  reset(from: 'host' | 'target'): void;
  /**
   * Hands on everything of the target's that it holds; what it holds of the host's still waits for what it waited for. Throws
   * where that can no longer be told from what was handed on.
   */
  giveUp(): void;
  /** The tee itself has ended the connection, or one that was given up has ended. Does not throw. */
  close(): void;
  /** True when nothing that the host asked for is still to be answered. */
  readonly idle: boolean;
}

/** The ways from a tap to both ends of its connection. */
export interface TeeOutlets {
  readonly toHost: TeeOutlet;
  readonly toTarget: TeeOutlet;
}

/** The way from a tap to one end of its connection. */
export interface TeeOutlet {
  /** The bytes belong to the outlet from here on. */
  write(bytes: Uint8Array): void;
  /** Ends the direction once all of that has been sent. */
  end(): void;
  /** Nothing more is read from the other end while this is true. */
  hold(held: boolean): void;
}
