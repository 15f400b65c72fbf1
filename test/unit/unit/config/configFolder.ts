import assert from 'node:assert/strict';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigFault } from '../../../../src/unit/config/configFault.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** Configurations in a folder of their own, for the `describe` that this is made in. */
export class ConfigFolder<C> {
  readonly #read: (path: string, env: Environment) => Promise<C>;
  readonly #env: Environment;
  #path = '';

  /** `read`: what loads one; `env`: what it finds in its environment where a test does not say. */
  constructor(read: (path: string, env: Environment) => Promise<C>, env: Environment = {}) {
    this.#read = read;
    this.#env = env;
    before(async () => {
      this.#path = await mkdtemp(join(tmpdir(), 'tapmirror-config-'));
    });
    after(() => rm(this.#path, { recursive: true }));
  }

  path(...names: string[]): string {
    return join(this.#path, ...names);
  }

  /** Writes a file beside it. */
  async write(name: string, text: string | Uint8Array, mode = 0o600): Promise<string> {
    await writeFile(this.path(name), text);
    await chmod(this.path(name), mode);
    return this.path(name);
  }

  /** Loads a configuration: its text, or what it is written of. */
  async load(config: unknown, env = this.#env, name = 'unit.json'): Promise<C> {
    const text = typeof config === 'string' ? config : JSON.stringify(config, null, 1);
    await writeFile(this.path(name), text, { mode: 0o600 });
    return this.#read(this.path(name), env);
  }

  /** What is wrong with one, without the folder's name. */
  async mistakes(config: unknown, env = this.#env, name = 'unit.json'): Promise<string[]> {
    try {
      await this.load(config, env, name);
    } catch (error) {
      assert.ok(error instanceof ConfigFault, String(error));
      return error.mistakes.map((line) => line.replaceAll(`${this.#path}/`, ''));
    }
    return [];
  }
}
