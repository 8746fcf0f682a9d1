// urql: queries by POST and GET, errors, subscriptions over graphql-ws and over fetch.
import { Client, cacheExchange, fetchExchange, subscriptionExchange } from '@urql/core';
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';
import { assert, check, finish, operations, socketUrl, target } from './harness.mjs';

const SETTLE_MILLISECONDS = 50;

const client = (options) =>
  new Client({
    url: target.url,
    fetchOptions: { headers: target.headers },
    fetch,
    exchanges: [cacheExchange, fetchExchange],
    ...options,
  });

class Socket extends WebSocket {
  constructor(url, protocols) {
    super(url, protocols, { headers: target.headers });
  }
}

function collect(from, { query, variables = {}, expect }) {
  return new Promise((resolve, reject) => {
    const seen = [];
    const { unsubscribe } = from.subscription(query, variables).subscribe((result) => {
      if (result.error) reject(result.error);
      seen.push(result);
      // One event too many would still be seen.
      if (seen.length >= expect) setTimeout(() => resolve(seen, unsubscribe()), SETTLE_MILLISECONDS);
    });
  });
}

// At the end of a stream urql shows the last result once more.
function assertAll(seen, { expect }) {
  const sequences = [...new Set(seen.map(({ data }) => Object.values(data)[0].seq))];
  const expected = Array.from({ length: expect }, (_, place) => place + 1);
  assert(sequences.join() === expected.join(), sequences.join());
}

const assertData = ({ data, error }) => assert(data && !error, error?.message);
const assertGraphQLError = ({ error }) => {
  assert(error?.graphQLErrors?.length && !error.networkError, String(error?.networkError ?? error));
  return error.message;
};

await check('a query', async () => {
  assertData(await client().query(operations.query.query, {}).toPromise());
});
await check('a query by GET', async () => {
  assertData(await client({ preferGetMethod: 'force' }).query(operations.query.query, {}).toPromise());
}, { level: 'SHOULD' });
await check('a mutation', async () => {
  const { query, variables } = operations.mutation;
  assertData(await client().mutation(query, variables).toPromise());
});
await check('an error of a resolver is a GraphQL error, not one of the network', async () =>
  assertGraphQLError(await client().query(operations.failingQuery.query, {}).toPromise()));
await check('a document that is not valid is a GraphQL error, not one of the network', async () =>
  assertGraphQLError(await client().query(operations.invalid.query, {}).toPromise()));
await check('a subscription over graphql-ws', async () => {
  const sockets = createClient({ url: socketUrl, webSocketImpl: Socket });
  const forwardSubscription = (request) => ({
    subscribe: (sink) => ({ unsubscribe: sockets.subscribe({ ...request, query: request.query ?? '' }, sink) }),
  });
  const exchanges = [subscriptionExchange({ forwardSubscription }), fetchExchange];
  const seen = await collect(client({ exchanges }), operations.subscription);
  sockets.dispose();
  assertAll(seen, operations.subscription);
});
await check('a subscription over fetch, without a socket', async () => {
  const seen = await collect(client({ fetchSubscriptions: true }), operations.subscription);
  assertAll(seen, operations.subscription);
}, { level: 'SHOULD' });
finish();
