// graphql-transport-ws: the client graphql-ws, and the protocol by hand.
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';
import { assert, assertNoLeak, check, finish, operations, running, socketUrl, target, until } from './harness.mjs';

const INITIALISATION_MILLISECONDS = 20_000;
const KEEP_ALIVE_MILLISECONDS = 30_000;

class Socket extends WebSocket {
  constructor(url, protocols) {
    super(url, protocols, { headers: target.headers });
  }
}

const client = () => createClient({ url: socketUrl, webSocketImpl: Socket, retryAttempts: 0 });

function collect(from, { query, variables }) {
  return new Promise((resolve, reject) => {
    const seen = [];
    from.subscribe(
      { query, variables },
      {
        next: (value) => seen.push(value),
        error: (error) => reject(Object.assign(new Error(JSON.stringify(error)), { payload: error })),
        complete: () => resolve(seen),
      },
    );
  });
}

/** A socket whose messages are read one by one; `next` fails when the socket closes first. */
function open(protocols = ['graphql-transport-ws'], headers = target.headers) {
  const socket = new WebSocket(socketUrl, protocols, { headers });
  const waiting = [];
  const arrived = [];
  let gone;
  const closed = new Promise((resolve) => {
    socket.on('close', (code, reason) => {
      gone = { type: 'CLOSED', code, reason: reason.toString() };
      resolve(gone);
      waiting.forEach((each) => each.reject(new Error(`closed with ${code}`)));
    });
  });
  socket.on('message', (content) => {
    const message = JSON.parse(content.toString());
    const next = waiting.shift();
    if (next) next.resolve(message);
    else arrived.push(message);
  });
  const opened = new Promise((resolve, reject) => {
    socket.on('open', resolve);
    socket.on('error', reject);
  });
  const next = () => {
    if (arrived.length) return Promise.resolve(arrived.shift());
    if (gone) return Promise.reject(new Error(`closed with ${gone.code}`));
    return new Promise((resolve, reject) => waiting.push({ resolve, reject }));
  };
  const send = (message) => socket.send(typeof message === 'string' ? message : JSON.stringify(message));
  // A message, or how the socket ended.
  const outcome = () => next().catch(() => closed);
  return { socket, opened, closed, send, next, outcome };
}

async function greeted() {
  const connection = open();
  await connection.opened;
  connection.send({ type: 'connection_init' });
  const { type } = await connection.next();
  assert(type === 'connection_ack', type);
  return connection;
}

const start = (connection, { query, variables }, id = '1') =>
  connection.send({ id, type: 'subscribe', payload: { query, variables } });

async function closesWith(connection, code) {
  const end = await connection.closed;
  assert(end.code === code, `${end.code} "${end.reason}" instead of ${code}`);
  return `${end.code} ${end.reason}`;
}

await check('a query', async () => {
  const seen = await collect(client(), operations.query);
  assert(seen.length === 1 && seen[0].data && !seen[0].errors, JSON.stringify(seen));
});
await check('a mutation', async () => {
  const [only] = await collect(client(), operations.mutation);
  assert(only.data && !only.errors, JSON.stringify(only));
});
await check('a subscription delivers all events in order', async () => {
  const seen = await collect(client(), operations.subscription);
  const sequences = seen.map((each) => Object.values(each.data)[0].seq);
  const expected = Array.from({ length: operations.subscription.expect }, (_, place) => place + 1);
  assert(sequences.join() === expected.join(), sequences.join());
});
await check('ten subscriptions at once on one socket', async () => {
  const shared = client();
  const all = await Promise.all(Array.from({ length: 10 }, () => collect(shared, operations.counter)));
  assert(all.every((seen) => seen.length === operations.counter.expect));
});
await check('a document that is not valid is answered by an "error" with a list', async () => {
  try {
    await collect(client(), operations.invalid);
  } catch (error) {
    assert(Array.isArray(error.payload), error.message);
    return error.payload[0].message;
  }
  throw new Error('it was accepted');
});
await check('a syntax error is an "error", and the socket lives on', async () => {
  const connection = await greeted();
  start(connection, { query: '{' });
  const first = await connection.outcome();
  assert(first.type === 'error', JSON.stringify(first));
  start(connection, operations.query, '2');
  const second = await connection.outcome();
  assert(second.type === 'next' && second.id === '2', JSON.stringify(second));
}, { level: 'SHOULD' });
await check('a resolver that fails in mid-stream is told, without internals', async () => {
  const connection = await greeted();
  start(connection, operations.failing);
  const seen = [];
  do seen.push(await connection.next());
  while (seen.at(-1).type === 'next');
  const text = assertNoLeak(seen, operations.failing.secret);
  assert(text.includes('error'), text);
});
await check('ping is answered by pong', async () => {
  const connection = await greeted();
  connection.send({ type: 'ping', payload: { a: 1 } });
  const { type } = await connection.next();
  assert(type === 'pong', type);
});
await check('4401: subscribe before connection_init', async () => {
  const connection = open();
  await connection.opened;
  start(connection, operations.query);
  return closesWith(connection, 4401);
});
await check('4429: connection_init twice', async () => {
  const connection = await greeted();
  connection.send({ type: 'connection_init' });
  return closesWith(connection, 4429);
});
await check('4409: an id twice', async () => {
  const connection = await greeted();
  start(connection, operations.longRunning);
  start(connection, operations.longRunning);
  return closesWith(connection, 4409);
});
await check('4400: an unknown type', async () => {
  const connection = await greeted();
  connection.send({ type: 'nope' });
  return closesWith(connection, 4400);
});
await check('4400: no JSON', async () => {
  const connection = await greeted();
  connection.send('{{');
  return closesWith(connection, 4400);
});

const subscribe = (payload, id = '1') => ({ id, type: 'subscribe', payload });
const malformed = {
  'an array': [],
  null: null,
  'a number': 1,
  'a string': 'x',
  'payload missing': { id: '1', type: 'subscribe' },
  'payload null': subscribe(null),
  'payload a string': subscribe('x'),
  'query a number': subscribe({ query: 5 }),
  'query missing': subscribe({}),
  'id an object': subscribe({ query: operations.query.query }, {}),
  'variables a list': subscribe({ query: operations.query.query, variables: [] }),
};
for (const [name, message] of Object.entries(malformed)) {
  await check(`malformed: ${name}`, async () => {
    const connection = await greeted();
    connection.send(JSON.stringify(message));
    const seen = await connection.outcome();
    connection.socket.close();
    assert(seen.code === 4400 || seen.type === 'error', JSON.stringify(seen));
    return seen;
  }, { level: 'SHOULD' });
}

await check('4406: an unknown subprotocol', async () => {
  const connection = open(['bogus']);
  const end = await Promise.race([connection.closed, connection.opened.then(() => connection.closed)]).catch((e) => e);
  assert(end.code === 4406 || /subprotocol|Unexpected server response/i.test(end.message ?? ''), JSON.stringify(end));
  return end.code ?? end.message;
}, { level: 'SHOULD' });
await check('4408: no connection_init', async () => {
  const connection = open();
  await connection.opened;
  return closesWith(connection, 4408);
}, { timeout: INITIALISATION_MILLISECONDS });
await check('complete from the client ends the stream behind', async () => {
  const before = await running();
  const connection = await greeted();
  start(connection, operations.longRunning);
  await until(running, before + 1);
  connection.send({ id: '1', type: 'complete' });
  await until(running, before);
  connection.socket.close();
});
await check('a socket that drops ends the stream behind', async () => {
  const before = await running();
  const connection = await greeted();
  start(connection, operations.longRunning);
  await until(running, before + 1);
  connection.socket.terminate();
  await until(running, before);
});
await check('the server keeps a silent connection alive', async () => {
  const connection = await greeted();
  const frame = new Promise((resolve) => connection.socket.on('ping', () => resolve('a ping frame')));
  const seen = await Promise.race([frame, connection.next().then(({ type }) => `a ${type} message`)]);
  connection.socket.close();
  return seen;
}, { timeout: KEEP_ALIVE_MILLISECONDS, level: 'SHOULD' });
await check('a page of another origin is refused', async () => {
  const { socket } = open(['graphql-transport-ws'], { ...target.headers, origin: 'https://evil.example' });
  const seen = await new Promise((resolve) => {
    socket.on('open', () => resolve('accepted'));
    socket.on('unexpected-response', (_, response) => resolve(response.statusCode));
    socket.on('error', (error) => resolve(error.message));
    socket.on('close', resolve);
  });
  socket.terminate();
  assert(seen !== 'accepted', seen);
  return seen;
}, { level: 'SHOULD' });
finish();
