// graphql-codegen: introspects the running server, makes types for real documents, and has `tsc --strict` read them.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { codegen } from '@graphql-codegen/core';
import * as typescript from '@graphql-codegen/typescript';
import * as typescriptOperations from '@graphql-codegen/typescript-operations';
import { buildClientSchema, getIntrospectionQuery, parse, printSchema, validate, validateSchema } from 'graphql';
import { assert, check, finish, operations, post, target } from './harness.mjs';

const SLOW = { timeout: 120_000 };
const EVERYTHING = {
  descriptions: true,
  specifiedByUrl: true,
  directiveIsRepeatable: true,
  schemaDescription: true,
  inputValueDeprecation: true,
  oneOf: true,
};
const compiler = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc');
let schema;

await check('introspection with all that newer clients ask for', async () => {
  const { json, text } = await post({ query: getIntrospectionQuery(EVERYTHING) });
  assert(json?.data, text);
  schema = buildClientSchema(json.data);
  const faults = validateSchema(schema);
  assert(!faults.length, faults.join('; '));
  const names = Object.keys(schema.getTypeMap()).filter((name) => !name.startsWith('__'));
  return `${names.length} types`;
});
/** The operations of the target; where it names none, those of the repository. */
function documents() {
  if (operations.codegen.documents) return operations.codegen.documents;
  const names = fs.readdirSync(target.stories).filter((name) => name.endsWith('.graphql'));
  return names.map((name) => fs.readFileSync(join(target.stories, name), 'utf8')).join('\n');
}

await check('the documents fit the schema, and types are made', async () => {
  const document = parse(documents());
  const faults = validate(schema, document);
  assert(!faults.length, faults.join('; '));
  const sources = { schema: parse(printSchema(schema)), schemaAst: schema };
  const config = { scalars: operations.codegen.scalars, strictScalars: true, enumsAsTypes: true };
  const make = async (name, documents, plugin) => {
    const made = await codegen({
      ...sources, documents, config, filename: name, plugins: [{ plugin: {} }], pluginMap: { plugin },
    });
    fs.writeFileSync(join(target.folder, name), typeof made === 'string' ? made : made.content);
  };
  await make('schema.ts', [], typescript);
  await make('operations.ts', [{ document, location: 'operations.graphql' }], typescriptOperations);
  const text = fs.readFileSync(join(target.folder, 'operations.ts'), 'utf8');
  const lacking = document.definitions.filter(({ name, kind }) => kind === 'OperationDefinition' && !text.includes(`${name.value}`));
  assert(!lacking.length, lacking.map(({ name }) => name.value).join());
  return `${document.definitions.length} definitions`;
}, SLOW);
await check('tsc --strict accepts the types', async () => {
  try {
    const options = ['--noEmit', '--strict', 'schema.ts', 'operations.ts'];
    execFileSync(process.execPath, [compiler, ...options], { cwd: target.folder, stdio: 'pipe' });
  } catch (error) {
    throw new Error(String(error.stdout));
  }
}, SLOW);
finish();
