import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { repositoryRoot } from '../repository.ts';

const FOLDER = join(repositoryRoot(), 'src/cli/schemas');

interface Known {
  title: string;
  validate: ValidateFunction;
}

let schemas: Map<string, Known> | undefined;
const ajv = new Ajv2020({ allErrors: true, allowUnionTypes: true });

/** The published schemas by their names. */
function published(): Map<string, Known> {
  schemas ??= new Map(
    readdirSync(FOLDER).map((file) => {
      const schema = JSON.parse(readFileSync(join(FOLDER, file), 'utf8')) as { title: string };
      return [file.replace(/\.json$/, ''), { title: schema.title, validate: ajv.compile(schema) }];
    }),
  );
  return schemas;
}

/** Fails unless what was printed is JSON that the schema describes. */
export function fitsSchema(name: string, printed: string): void {
  const known = published().get(name);
  assert.ok(known, `there is no schema ${name}`);
  const value: unknown = JSON.parse(printed);
  assert.ok(known.validate(value), `${name}: ${ajv.errorsText(known.validate.errors)}: ${printed.slice(0, 500)}`);
}

/** Schemas whose titles name the command: `tapmirror pause, resume and resync --json`. */
export function schemasOf(command: string): string[] {
  const commands = ({ title }: Known): string[] =>
    (/\btapmirror (.*) --json$/.exec(title)?.[1] ?? '').split(/, | and /);
  return [...published()].filter(([, known]) => commands(known).includes(command)).map(([name]) => name);
}
