import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openFileVolume } from '../../../../hw/files.ts';
import type { Volume } from '../../../../src/base/volume.ts';

export const PAGE = 4096;

/** A folder for each test of the `describe` that this is called in, and what is to end after it. */
export function tablesFolder(): {
  at: (name: string) => string;
  ends: (() => Promise<unknown>)[];
  fileVolume: (name: string, bytes: Uint8Array) => Promise<Volume>;
} {
  let folder = '';
  const ends: (() => Promise<unknown>)[] = [];
  const at = (name: string): string => join(folder, name);
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tapmirror-blocks-'));
  });
  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
    await rm(folder, { recursive: true });
  });
  const fileVolume = async (name: string, bytes: Uint8Array): Promise<Volume> => {
    await writeFile(at(name), bytes);
    return openFileVolume(at(name), { writable: true });
  };
  return { at, ends, fileVolume };
}

/** For tables that have nothing to say. */
export function quiet(text: string): void {
  assert.fail(text);
}
