/**
 * Logic without effects: inputs go in one at a time, what is to be done comes out as values, in order.
 * Time is an argument in nanoseconds; a machine that needs none leaves the parameter out.
 */
export interface Machine<In, Out> {
  step(input: In, now: bigint): void;
  /** What is to be done since the last call. The array belongs to the caller. */
  take(): readonly Out[];
}
