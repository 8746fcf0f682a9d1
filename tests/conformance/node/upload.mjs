// Uploads by the GraphQL multipart request specification, malformed ones, and requests that another site could forge.
import { assert, check, finish, operations, target } from './harness.mjs';

const BIG_BYTES = 8 * 2 ** 20;
const PREFLIGHT = { 'graphql-require-preflight': '1' };
const { query, path, variables: given = {}, content = {} } = operations.upload;

const file = (size = 11) => {
  const start = content.start ?? '';
  return new Blob([start, 'x'.repeat(size - start.length)], { type: content.type ?? 'text/plain' });
};
const request = () => ({ query, variables: { ...given, [path]: null } });
const map = { 0: [`variables.${path}`] };

function form({ operations: wanted = request(), map: places = map, files = { 0: file() } }) {
  const filled = new FormData();
  const append = (name, value) =>
    value === null || filled.append(name, typeof value === 'string' ? value : JSON.stringify(value));
  append('operations', wanted);
  append('map', places);
  for (const [name, blob] of Object.entries(files)) filled.append(name, blob, `${name}${content.extension ?? '.txt'}`);
  return filled;
}

async function send(body, headers = PREFLIGHT) {
  const response = await fetch(target.url, { method: 'POST', body, headers: { ...target.headers, ...headers } });
  const text = await response.text();
  return { status: response.status, text };
}

async function accepts(body) {
  const { status, text } = await send(body);
  const json = JSON.parse(text);
  const payload = Object.values(json.data ?? {})[0];
  assert(status === 200 && payload && !json.errors && !payload.userErrors?.length, `${status} ${text}`);
  return payload;
}

const refused = (status) => assert(status >= 400 && status < 500, `answered ${status}`);

await check('a file', () => accepts(form({})));
await check('a file of 8 MiB', () => accepts(form({ files: { 0: file(BIG_BYTES) } })), { level: 'SHOULD' });

const malformed = {
  'no file': { files: {} },
  'no map': { map: null },
  'the map is a list': { map: [] },
  'the map names what is not there': { map: { 0: ['variables.nope.deep.er'] } },
  'the map names an attribute': { map: { 0: ['__class__'] } },
  'a value of the map is no list': { map: { 0: 5 } },
  'operations is no JSON': { operations: '{{' },
  'operations is a list of numbers': { operations: '[1]', map: { 0: [`0.variables.${path}`] } },
  'no operations': { operations: null },
};
for (const [name, parts] of Object.entries(malformed)) {
  await check(`malformed: ${name}`, async () => {
    const { status, text } = await send(form(parts));
    refused(status);
    assert(JSON.parse(text).errors.length > 0, text);
    return `${status} ${text}`;
  });
}

await check('forged: an upload without a header that forces a preflight', async () => {
  refused((await send(form({}), {})).status);
}, { level: 'SHOULD' });
await check('forged: a mutation by GET', async () => {
  refused((await mutationByGet()).status);
});
await check('a mutation by GET is answered 405 with Allow', async () => {
  const response = await mutationByGet();
  const allow = response.headers.get('allow');
  assert(response.status === 405 && /POST/.test(allow ?? ''), `${response.status} ${allow}`);
}, { level: 'SHOULD' });
await check('forged: a body of text/plain', async () => {
  const body = JSON.stringify({ query: operations.query.query });
  const response = await fetch(target.url, { method: 'POST', headers: { 'content-type': 'text/plain' }, body });
  refused(response.status);
});

function mutationByGet() {
  const url = new URL(target.url);
  url.searchParams.set('query', operations.mutation.query);
  url.searchParams.set('variables', JSON.stringify(operations.mutation.variables ?? {}));
  return fetch(url, { headers: { accept: 'application/json' } });
}
finish();
