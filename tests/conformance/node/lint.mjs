// graphql-eslint: every rule for schemas and for Relay, on the SDL as it is printed. House rules that differ say why.
import fs from 'node:fs';
import path from 'node:path';
import plugin from '@graphql-eslint/eslint-plugin';
import { ESLint } from 'eslint';
import { assert, check, finish, target } from './harness.mjs';

const file = path.resolve(target.schema);
const sdl = fs.readFileSync(file, 'utf8');
const rule = (name, setting) => [`@graphql-eslint/${name}`, setting];

// Values without an identity of their own; every event of a stream is one.
const VALUES = [
  'Analyser', 'Citation', 'CollapsedCopy', 'Comparison', 'Config', 'Connection', 'Delta', 'Edge', 'Error', 'Event',
  'Explanation', 'Field', 'Gate', 'Header', 'Hit', 'Interval', 'Limit', 'Metrics', 'PageInfo', 'Payload', 'Point',
  'Profile', 'Progress', 'Range', 'Result', 'Scores', 'SearchedQuery', 'Sentence', 'Series', 'Stats', 'Timings',
  'Usage', 'UserError', 'Value', 'Viewer',
];
const events = [...sdl.matchAll(/^type (\w+) implements [^{]*StreamEvent/gm)].map((match) => match[1]);

const house = Object.fromEntries([
  rule('strict-id-in-types', ['error', {
    acceptedIdNames: ['id'], acceptedIdTypes: ['ID'], exceptions: { suffixes: VALUES, types: events },
  }]),
  rule('input-name', ['error', {
    checkInputType: true, caseSensitiveInputType: false, checkQueries: false, checkMutations: true,
  }]),
  rule('relay-edge-types', ['error', {
    withEdgeSuffix: true, shouldImplementNode: false, listTypeCanWrapOnlyEdgeType: false,
  }]),
  // A search goes forwards only.
  rule('relay-arguments', ['error', { includeBoth: false }]),
  rule('require-deprecation-reason', 'error'),
  rule('require-deprecation-date', 'error'),
  rule('require-nullable-fields-with-oneof', 'error'),
  rule('no-scalar-result-type-on-mutation', 'error'),
  // Subscriptions and payloads are never null: failures are userErrors, or end the stream.
  rule('require-nullable-result-in-root', 'off'),
  // It is about output types that stand for one of several results; ours are unions.
  rule('require-type-pattern-with-oneof', 'off'),
  // Fields stand in the order in which a reader needs them.
  rule('alphabetize', 'off'),
  // Mutations and subscriptions are wanted.
  rule('no-root-type', 'off'),
  // A payload carries the objects that changed.
  rule('require-field-of-type-query-in-mutation-result', 'off'),
]);

const { 'flat/schema-all': all, 'flat/schema-relay': relay } = plugin.configs;
const rules = { ...all.rules, ...relay.rules, ...house };
const linter = new ESLint({
  overrideConfigFile: true,
  cwd: path.dirname(file),
  overrideConfig: [{
    files: ['**/*.graphql'],
    plugins: { '@graphql-eslint': plugin },
    languageOptions: { parser: plugin.parser, parserOptions: { graphQLConfig: { schema: file } } },
    rules,
  }],
});
const [{ messages }] = await linter.lintFiles([file]);
const broken = new Map(messages.filter(({ ruleId }) => !(ruleId in rules)).map((each) => [each.message, [each]]));
for (const each of messages) broken.set(each.ruleId, [...(broken.get(each.ruleId) ?? []), each]);

for (const [name, setting] of Object.entries(rules)) {
  if (setting === 'off' || setting[0] === 'off') continue;
  await check(name, () => {
    const found = broken.get(name) ?? [];
    broken.delete(name);
    assert(!found.length, found.map(({ line, message }) => `line ${line}: ${message}`).join('; '));
  });
}
await check('nothing else is wrong with the file', () => {
  assert(!broken.size, [...broken.values()].flat().map(({ line, message }) => `line ${line}: ${message}`).join('; '));
});
finish();
