import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, readdir, readFile, realpath, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Fault } from '../src/base/fault.ts';

/** How a program ended, and what it said on both streams. */
export interface Ended {
  code: number;
  said: string;
}

/** Writes a file whole, mode 0644, its folders made, whatever the umask; false where it stood there already, just so. */
export async function layFile(path: string, text: string): Promise<boolean> {
  const told = (error: unknown): never => {
    const { message, code } = error as NodeJS.ErrnoException;
    const mend = code === 'EACCES' || code === 'EPERM' ? 'run this as root' : 'make that place writable';
    throw new Fault('local', `${path} cannot be written: ${message}`, mend, { cause: error });
  };
  if ((await readFile(path, 'utf8').catch(() => undefined)) === text) return false;
  const fresh = `${path}.new`;
  await makeFolders(dirname(path)).catch(told);
  await writeFile(fresh, text).catch(told);
  await chmod(fresh, 0o644).catch(told);
  await rename(fresh, path).catch(told);
  return true;
}

/** Folders that everybody may look into; those that are there already stay as they are. */
async function makeFolders(path: string): Promise<void> {
  const first = await mkdir(path, { recursive: true });
  if (first === undefined) return;
  for (let at = path; at.length >= first.length; at = dirname(at)) await chmod(at, 0o755);
}

/** Takes a folder away if nothing lies in it. */
export async function dropEmpty(folder: string): Promise<void> {
  await rmdir(folder).catch(() => undefined);
}

/** Whether anything has that path. */
export function isThere(path: string): boolean {
  return existsSync(path);
}

/** Takes a file or a folder away; false where there was none. Rejects with a `Fault` where it has to stay. */
export async function takeAway(path: string): Promise<boolean> {
  if (!existsSync(path)) return false;
  await rm(path, { recursive: true }).catch((error: NodeJS.ErrnoException) => {
    throw new Fault('local', `${path} cannot be removed: ${error.message}`, 'run this as root', { cause: error });
  });
  return true;
}

/** Links that have instances of these units started at boot, in systemd's folder of `root`. */
export async function wantedLinks(root: string, unit: RegExp): Promise<string[]> {
  const top = join(root, '/etc/systemd/system');
  const folders = await readdir(top).catch(() => []);
  const found: string[] = [];
  for (const folder of folders.filter((name) => /\.(wants|requires)$/.test(name))) {
    for (const name of await readdir(join(top, folder)).catch(() => [])) {
      if (unit.test(name)) found.push(join(top, folder, name));
    }
  }
  return found;
}

/** Whether systemd runs this machine (sd_booted(3)). */
export function underSystemd(): boolean {
  return existsSync('/run/systemd/system');
}

/** This program as it was started, without links in its path: the interpreter and the script. */
export async function thisProgram(): Promise<[string, string]> {
  return [await realpath(process.execPath), await realpath(process.argv[1])];
}

/** Runs a program that has to go well; rejects with a `Fault` that has its words. */
export function runProgram(words: readonly string[]): Promise<string> {
  const [program, ...rest] = words;
  return new Promise((resolve, reject) => {
    execFile(program, rest, (error, out, said) => {
      if (error === null) return resolve(out);
      const why = error.code === 'ENOENT' ? 'it is not installed' : said.trim() || error.message;
      const mend = error.code === 'ENOENT' ? 'install systemd' : 'mend that, then run this again';
      reject(new Fault('local', `\`${words.join(' ')}\` failed: ${why}`, mend, { cause: error }));
    });
  });
}

/** Runs a shell script from memory. What it says goes to `heard`, line ends included, as it comes. */
export function runScript(script: string, words: readonly string[], heard: (text: string) => void): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn('sh', ['-s', '--', ...words], { stdio: ['pipe', 'pipe', 'pipe'] });
    let said = '';
    child.stdout.setEncoding('utf8').on('data', heard);
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ code: code ?? 1, said }));
    // A script that ends early no longer reads.
    child.stdin.on('error', () => {});
    child.stdin.end(script);
  });
}
