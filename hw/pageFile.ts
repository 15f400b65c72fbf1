import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { Fault } from '../src/base/fault.ts';

/** One document with its own script and style, and what a browser may do with it. */
export interface PageFile {
  html: string;
  policy: string;
}

/**
 * The status page as it was built into `dist/page`, put together into one document. `words` are put into its root element
 * as `data-` attributes. Rejects with a `Fault` where it was not built.
 */
export async function openPage(words: Readonly<Record<string, string>>): Promise<PageFile> {
  const [html, style, script] = await Promise.all([part('page.html'), part('page.css'), part('main.js')]);
  const data = Object.entries(words).map(([name, value]) => ` data-${name}="${escaped(value)}"`);
  // Functions: what is put in may hold a `$`.
  const whole = html
    .replace('<html', () => `<html${data.join('')}`)
    .replace('<style></style>', () => `<style>${style}</style>`)
    .replace('<script></script>', () => `<script>${script}</script>`);
  const policy = [
    "default-src 'none'",
    `script-src '${hashOf(script)}'`,
    `style-src '${hashOf(style)}'`,
    "connect-src 'self'",
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ];
  return { html: whole, policy: policy.join('; ') };
}

/** How far above it stands depends on the folder that this was built into. */
async function part(name: string): Promise<string> {
  for (let folder = new URL('.', import.meta.url); folder.pathname !== '/'; folder = new URL('..', folder)) {
    for (const path of [`page/${name}`, `dist/page/${name}`]) {
      try {
        return (await readFile(new URL(path, folder), 'utf8')).trim();
      } catch {
        // None here: look one folder up.
      }
    }
  }
  throw new Fault('local', `the status page was not built: ${name} is missing`, 'install tapmirror again');
}

function hashOf(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`;
}

function escaped(value: string): string {
  return value.replace(/[&"<>]/g, (one) => `&#${one.charCodeAt(0)};`);
}
