// graphql-inspector: the SDL in the repository is what the server says, every operation file fits it, and nothing that
// was released breaks.
import fs from 'node:fs';
import path from 'node:path';
import { CriticalityLevel, coverage, diff, validate } from '@graphql-inspector/core';
import { Source, buildClientSchema, buildSchema, getIntrospectionQuery, validateSchema } from 'graphql';
import { assert, check, finish, post, target } from './harness.mjs';

const EVERYTHING = { specifiedByUrl: true, inputValueDeprecation: true, oneOf: true, directiveIsRepeatable: true };
const schema = buildSchema(fs.readFileSync(target.schema, 'utf8'));
const sources = fs
  .readdirSync(target.stories)
  .filter((name) => name.endsWith('.graphql'))
  .map((name) => new Source(fs.readFileSync(path.join(target.stories, name), 'utf8'), name));
const told = (changes) => changes.map(({ message }) => message).join('; ');

await check('the SDL is a valid schema', () => {
  const faults = validateSchema(schema);
  assert(!faults.length, faults.join('; '));
});
await check('the server says what the SDL says', async () => {
  const { json, text } = await post({ query: getIntrospectionQuery(EVERYTHING) });
  assert(json?.data, text);
  // Introspection tells nothing of where a directive was applied.
  const changes = (await diff(schema, buildClientSchema(json.data))).filter(({ type }) => !/USAGE/.test(type));
  assert(!changes.length, told(changes));
});
await check('every operation file fits the schema and asks for nothing deprecated', () => {
  const faults = validate(schema, sources, { strictDeprecated: true });
  const lines = faults.flatMap(({ source, errors, deprecated }) =>
    [...errors, ...deprecated].map((error) => `${source.name}: ${error.message}`),
  );
  assert(sources.length > 0 && !lines.length, lines.join('; '));
  return `${sources.length} files`;
});
await check('nothing breaks what was released', async () => {
  if (!target.released) return 'nothing was released yet';
  const changes = await diff(buildSchema(target.released), schema);
  const breaking = changes.filter(({ criticality }) => criticality.level === CriticalityLevel.Breaking);
  assert(!breaking.length, told(breaking));
  return `${changes.length} changes`;
});
await check('the operation files use most of the schema', () => {
  const fields = Object.values(coverage(schema, sources).types).flatMap(({ children }) => Object.values(children));
  const used = fields.filter(({ hits }) => hits > 0).length;
  const said = `${used} of ${fields.length} fields`;
  assert(used * 2 > fields.length, said);
  return said;
}, { level: 'MAY' });
finish();
