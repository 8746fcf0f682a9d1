// Relay: compiles real documents against the running server's schema, runs them with relay-runtime, and holds the
// server to Relay's specifications of nodes and connections.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { buildClientSchema, getIntrospectionQuery, printSchema } from 'graphql';
import { assert, at, check, finish, operations, post, target } from './harness.mjs';

const { connection, mutation, node, relay } = operations;
const SLOW = { timeout: 120_000 };
const require = createRequire(import.meta.url);
const folder = join(target.folder, 'relay');
const artifacts = join(folder, 'src', '__generated__');
fs.mkdirSync(artifacts, { recursive: true });

async function data(request) {
  const { json, text } = await post(request);
  assert(json?.data && !json.errors, text);
  return json.data;
}

const page = async (variables) =>
  at(await data({ query: connection.query, variables: { ...connection.variables, ...variables } }), connection.path);
const ids = ({ edges }) => edges.map((edge) => edge.node.id).join();
let sdl;

await check('the schema can be read by relay-compiler', async () => {
  const query = getIntrospectionQuery({ oneOf: true, specifiedByUrl: true });
  sdl = printSchema(buildClientSchema(await data({ query })));
  fs.writeFileSync(join(folder, 'schema.graphql'), sdl);
});
await check('relay-compiler takes @connection, @refetchable, mutation and subscription', async () => {
  const modules = relay.documents.map((text, place) => `export const part${place} = graphql\`${text}\`;`);
  fs.writeFileSync(join(folder, 'src', 'App.js'), ["import {graphql} from 'relay-runtime';", ...modules].join('\n'));
  const options = { src: './src', schema: './schema.graphql', language: 'javascript', eagerEsModules: false };
  const places = { artifactDirectory: './src/__generated__', excludes: ['**/__generated__/**'] };
  fs.writeFileSync(join(folder, 'relay.config.json'), JSON.stringify({ ...options, ...places }));
  try {
    execFileSync(require('relay-compiler'), ['relay.config.json'], { cwd: folder, stdio: 'pipe' });
  } catch (error) {
    throw new Error(`${error.stderr}${error.stdout}`);
  }
  const made = fs.readdirSync(artifacts);
  assert(made.length >= relay.documents.length, made.join());
  return made.join(' ');
}, SLOW);
await check('relay-runtime runs what was compiled, and goes on to the next page', async () => {
  fs.writeFileSync(join(artifacts, 'package.json'), '{"type":"commonjs"}');
  const { Environment, Network, RecordSource, Store, fetchQuery } = require('relay-runtime');
  const network = Network.create(async ({ text, name }, variables) =>
    (await post({ query: text, variables, operationName: name })).json,
  );
  const environment = new Environment({ network, store: new Store(new RecordSource()) });
  const compiled = (name) => require(join(artifacts, `${name}.graphql.js`));
  const records = () => environment.getStore().getSource().getRecordIDs().length;
  await fetchQuery(environment, compiled('AppQuery'), relay.variables ?? {}).toPromise();
  const before = records();
  const { endCursor } = (await page({ first: 3 })).pageInfo;
  const next = { ...relay.paginationVariables, first: 3, after: endCursor };
  await fetchQuery(environment, compiled('AppPaginationQuery'), next).toPromise();
  assert(records() > before, `${before} records before and ${records()} after the next page`);
  return `${records()} records`;
}, SLOW);
await check('node(id:) gives an object of the list back', async () => {
  const [{ node: listed }] = (await page({ first: 1 })).edges;
  const found = (await data({ query: node.query, variables: { id: listed.id } })).node;
  assert(found.id === listed.id && found.__typename, JSON.stringify(found));
});
await check('node(id:) may be null', async () => {
  assert(/\bnode\([^)]*\): Node\s/s.test(sdl), sdl.match(/\bnode\([^)]*\): [\w!]+/s)?.[0]);
});
await check('nodes(ids:) gives several at once, in order', async () => {
  const listed = (await page({ first: 2 })).edges.map((edge) => edge.node.id).reverse();
  const query = 'query Several($ids: [ID!]!) { nodes(ids: $ids) { id } }';
  const found = (await data({ query, variables: { ids: listed } })).nodes.map((each) => each.id);
  assert(found.join() === listed.join(), found.join());
}, { level: 'SHOULD' });
await check('pages forwards and backwards fit together', async () => {
  const first = await page({ first: 3 });
  const second = await page({ first: 3, after: first.pageInfo.endCursor });
  assert(`${ids(first)},${ids(second)}` === ids(await page({ first: 6 })), 'forwards, something is lost or repeated');
  const back = await page({ last: 3, before: second.edges[0].cursor });
  assert(ids(back) === ids(first), 'backwards is another list');
  assert(first.pageInfo.hasNextPage === true && second.pageInfo.hasPreviousPage === true);
});
await check('a cursor stays where it is when something is added', async () => {
  const first = await page({ first: 2 });
  await data(mutation);
  const second = await page({ first: 2, after: first.pageInfo.endCursor });
  assert(second.edges.length === 2 && !second.edges.some((edge) => ids(first).includes(edge.node.id)), 'repeated');
}, { level: 'SHOULD' });
finish();
