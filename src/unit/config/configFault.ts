import { Fault } from '../../base/fault.ts';

/** A configuration that cannot be used: all its mistakes, one line each, `FILE:LINE:COLUMN: where: what; mend`. */
export class ConfigFault extends Fault {
  readonly mistakes: readonly string[];

  constructor(mistakes: readonly string[]) {
    super('local', mistakes.join('\n'));
    this.name = 'ConfigFault';
    this.mistakes = mistakes;
  }
}
