import { createInterface } from 'node:readline/promises';

/** Asks on a terminal; only `y` and `yes` are a yes, and so is nothing but a line. */
export async function askYes(question: string): Promise<boolean> {
  const asked = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const ended = new Promise<string>((resolve) => asked.once('close', () => resolve('')));
    const answer = await Promise.race([asked.question(question), ended]);
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    asked.close();
  }
}
