/** Why a trace cannot be read, in words for an operator; `mend` where something can be done about it. */
export interface TraceFault {
  /** Byte offset in the (unpacked) trace. */
  offset: number;
  reason: string;
  mend: string | undefined;
}

/** How long a hole is made whose length nobody knows: long enough for any command to hide in it. */
export const UNKNOWN_SPAN_NS = 1e9;
