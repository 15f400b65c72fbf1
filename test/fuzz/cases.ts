import { configCase } from './configCases.ts';
import { fileCase } from './fileCases.ts';
import { hostileCase } from './hostileCases.ts';
import { linkCase } from './linkCase.ts';
import { lossCase } from './lossCases.ts';
import { frameCase, pduCase, scsiCase, textCase } from './parserCases.ts';
import { Random } from './random.ts';
import { Scenario } from './scenario.ts';
import { targetCase } from './targetCase.ts';
import { type Window, windows } from './windows.ts';

/** Which kind a case is goes by its number: of a hundred, so many of each. */
const KINDS = ['loss', 'hostile', 'file', 'frame', 'pdu', 'scsi', 'text', 'config', 'link', 'target'] as const;
export type Kind = (typeof KINDS)[number];
const SHARES: Readonly<Record<Kind, number>> = {
  loss: 12,
  hostile: 12,
  file: 8,
  frame: 18,
  pdu: 12,
  scsi: 26,
  text: 4,
  config: 4,
  link: 4,
  target: 2,
};
/** One kind alone, where FUZZ_KIND names it. */
const ONLY = KINDS.filter((kind) => kind === process.env.FUZZ_KIND);
const TABLE: Kind[] = (ONLY.length > 0 ? ONLY : KINDS).flatMap((kind) => new Array<Kind>(SHARES[kind]).fill(kind));

/** Every case of a seed, by number. */
export class Cases {
  readonly #scenario = new Scenario();
  readonly #all: Window[] = windows();
  readonly #truth = this.#all.filter((w) => w.truth);
  readonly #seed: number;

  constructor(seed: number) {
    this.#seed = seed;
  }

  kind(number: number): Kind {
    return TABLE[number % TABLE.length];
  }

  /** Throws when the case fails. */
  run(number: number): void {
    const random = new Random(this.#seed, number);
    const scenario = this.#scenario;
    scenario.log.length = 0;
    switch (this.kind(number)) {
      case 'loss':
        lossCase(random, scenario, this.#truth);
        break;
      case 'link':
        linkCase(random);
        break;
      case 'target':
        targetCase(random);
        break;
      case 'hostile':
        hostileCase(random, scenario, this.#all);
        break;
      case 'file':
        fileCase(random, this.#all);
        break;
      case 'frame':
        frameCase(random, this.#all);
        break;
      case 'pdu':
        pduCase(random);
        break;
      case 'scsi':
        scsiCase(random);
        break;
      case 'text':
        textCase(random);
        break;
      default:
        configCase(random);
    }
  }

  /** What the case that ran last did to which window. */
  get story(): string {
    const { log, window: w } = this.#scenario;
    return log.length === 0 ? '' : `${w.name}: ${log.join('; ')}`;
  }
}
