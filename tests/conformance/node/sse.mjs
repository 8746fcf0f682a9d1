// GraphQL over Server-Sent Events: the client graphql-sse in distinct connections mode, and the frames by hand.
import { createClient } from 'graphql-sse';
import { assert, assertNoLeak, check, finish, operations, running, target, until } from './harness.mjs';

const HEARTBEAT_MILLISECONDS = 20_000;

function collect({ query, variables }) {
  const client = createClient({ url: target.url, headers: target.headers, retryAttempts: 0 });
  return new Promise((resolve, reject) => {
    const seen = [];
    client.subscribe(
      { query, variables },
      {
        next: (value) => seen.push(value),
        error: (error) => reject(Array.isArray(error) ? new Error(JSON.stringify(error)) : error),
        complete: () => resolve(seen),
      },
    );
  });
}

const stream = ({ query, variables }, init = {}) =>
  fetch(target.url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'text/event-stream', ...target.headers },
    body: JSON.stringify({ query, variables }),
    ...init,
  });

await check('a query', async () => {
  const [only] = await collect(operations.query);
  assert(only.data, JSON.stringify(only));
});
await check('a mutation', async () => {
  const [only] = await collect(operations.mutation);
  assert(only.data, JSON.stringify(only));
});
await check('a subscription', async () => {
  const seen = await collect(operations.subscription);
  assert(seen.length === operations.subscription.expect, `${seen.length} events`);
});
await check('a document that is not valid is told to the client', async () => {
  try {
    const seen = await collect(operations.invalid);
    assert(seen[0]?.errors?.length, JSON.stringify(seen));
    return 'next with errors';
  } catch (error) {
    assert(/400|thisFieldDoesNotExist/.test(error.message), error.message);
    return error.message;
  }
});
await check('a subscription that fails leaks nothing', async () => {
  const seen = await collect(operations.failing).catch((error) => [error.message]);
  return assertNoLeak(seen, operations.failing.secret);
});
await check('frames: content type, event and data lines, LF', async () => {
  const response = await stream(operations.counter);
  const text = await response.text();
  const type = response.headers.get('content-type');
  assert(type?.startsWith('text/event-stream'), type);
  assert(/event: next\ndata: /.test(text) && /event: complete\n/.test(text) && !text.includes('\r'), text);
});
await check('no cache and no proxy keeps events back', async () => {
  const response = await stream(operations.counter);
  await response.text();
  const found = [response.headers.get('cache-control'), response.headers.get('x-accel-buffering')];
  assert(/no-store|no-cache/.test(found[0]) && found[1] === 'no', found.join());
}, { level: 'SHOULD' });
await check('an event with a cursor carries it as id', async () => {
  const text = await (await stream(operations.resumable)).text();
  const ids = [...text.matchAll(/^id: (.+)$/gm)].map((match) => match[1]);
  assert(ids.length === operations.resumable.expect, `${ids.length} ids`);
}, { level: 'SHOULD' });
await check('Last-Event-ID resumes after the event it names', async () => {
  const all = await (await stream(operations.resumable)).text();
  const ids = (text) => [...text.matchAll(/^id: (.+)$/gm)].map((match) => match[1]);
  const [first, ...rest] = ids(all);
  const headers = { 'content-type': 'application/json', accept: 'text/event-stream', 'last-event-id': first };
  const resumed = await (await stream(operations.resumable, { headers: { ...headers, ...target.headers } })).text();
  assert(ids(resumed).join() === rest.join(), ids(resumed).join());
}, { level: 'SHOULD' });
await check('GET, as EventSource sends it', async () => {
  const url = new URL(target.url);
  url.searchParams.set('query', operations.counter.query);
  const response = await fetch(url, { headers: { accept: 'text/event-stream', ...target.headers } });
  const text = await response.text();
  assert(response.ok && /event: next/.test(text), `${response.status} ${text.slice(0, 100)}`);
}, { level: 'SHOULD' });
await check('single connection mode (PUT)', async () => {
  const response = await fetch(target.url, { method: 'PUT', headers: target.headers });
  assert(response.status === 201, String(response.status));
}, { level: 'MAY' });
await check('a reader that leaves ends the stream behind', async () => {
  const before = await running();
  const leaving = new AbortController();
  const response = await stream(operations.longRunning, { signal: leaving.signal });
  await until(running, before + 1);
  leaving.abort();
  await response.text().catch(() => 'aborted');
  await until(running, before);
});
await check('a silent stream is kept alive', async () => {
  const leaving = new AbortController();
  const response = await stream(operations.longRunning, { signal: leaving.signal });
  const { value } = await response.body.getReader().read();
  leaving.abort();
  return JSON.stringify(new TextDecoder().decode(value));
}, { timeout: HEARTBEAT_MILLISECONDS, level: 'SHOULD' });
finish();
