/** A message that an operator may see in the log. `…` stands for names, counts and the words of whoever failed. */
export interface Message {
  says: string;
  means: string;
  /** Empty where nothing has to be done. */
  mend: string;
}

/** No mend is needed. */
export const NOTHING = '';
