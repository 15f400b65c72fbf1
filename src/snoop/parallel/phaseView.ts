/** A run of one phase, for people who debug hardware. */
export interface PhaseView {
  from: number;
  to: number;
  /** BUS FREE, SELECTION ..., or an information transfer phase. */
  name: string;
  initiator: number;
  target: number;
  /** Transferred bytes or units; -1 where the phase has none. */
  units: number;
  words: string;
}
