import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** Follows what a child told: a mark that returned is there for sure, until a clear begins that could take it. */
export function follow(sure: Set<number>, line: string): void {
  const [kind, ...numbers] = line.split(' ').filter((word) => word !== '');
  const values = numbers.map(Number);
  if (kind === 'mark') for (let c = values[0]; c < values[1]; c++) sure.add(c);
  if (kind !== 'clear') return;
  for (const c of sure) {
    let needed = false;
    for (let i = 0; i < values.length; i += 2) needed ||= c >= values[i] && c < values[i + 1];
    if (!needed) sure.delete(c);
  }
}

/** Runs a program of this folder until it has told `steps` things, or kills itself, and returns every line that it finished. */
export async function killed(program: string, words: readonly (string | number)[], steps: number): Promise<string[]> {
  const path = fileURLToPath(new URL(program, import.meta.url));
  const child = spawn(process.execPath, [path, ...words.map(String)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'close');
  let text = '';
  let lines = 0;
  child.stdout.on('data', (bytes: Buffer) => {
    text += bytes.toString('latin1');
    for (const byte of bytes) if (byte === 0x0a) lines++;
    if (lines >= steps) child.kill('SIGKILL');
  });
  const [, signal] = await ended;
  assert.equal(signal, 'SIGKILL', `the child ended by itself: ${text.slice(-500)}`);
  return text.split('\n').slice(0, -1);
}
