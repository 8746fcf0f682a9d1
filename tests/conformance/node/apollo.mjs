// Apollo Client 4: HttpLink, the normalised cache, pages, subscriptions over both links, persisted queries.
import { createHash } from 'node:crypto';
import { ApolloClient, CombinedGraphQLErrors, HttpLink, InMemoryCache, gql } from '@apollo/client';
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { relayStylePagination } from '@apollo/client/utilities';
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';
import { assert, at, check, finish, operations, socketUrl, target, until } from './harness.mjs';

const fields = { [operations.connection.path]: relayStylePagination() };
const client = (link) =>
  new ApolloClient({ link, cache: new InMemoryCache({ typePolicies: { Query: { fields } } }) });
const http = (fetcher = fetch) => new HttpLink({ uri: target.url, headers: target.headers, fetch: fetcher });
const parsed = ({ query, variables }) => ({ query: gql(query), variables });

class Socket extends WebSocket {
  constructor(url, protocols) {
    super(url, protocols, { headers: target.headers });
  }
}

function collect(from, operation) {
  return new Promise((resolve, reject) => {
    const seen = [];
    from.subscribe(parsed(operation)).subscribe({
      next: (value) => seen.push(value),
      error: reject,
      complete: () => resolve(seen),
    });
  });
}

function assertAll(seen, { expect }) {
  assert(seen.length === expect && seen.every((each) => !each.error), `${seen.length} ${JSON.stringify(seen[0])}`);
}

await check('a query', async () => {
  const { data, error } = await client(http()).query(parsed(operations.query));
  assert(data && !error, error?.message);
});
await check('a mutation', async () => {
  const { query: mutation, variables } = parsed(operations.mutation);
  const { data } = await client(http()).mutate({ mutation, variables });
  assert(data);
});
await check('the cache knows entities by type and id', async () => {
  const asking = client(http());
  await asking.query(parsed(operations.entity));
  const keys = Object.keys(asking.cache.extract()).filter((key) => key.includes(':'));
  assert(keys.length > 0, 'no entity in the cache');
  return keys.slice(0, 2).join();
});
await check('relayStylePagination: fetchMore joins pages', async () => {
  const watched = client(http()).watchQuery({ query: gql(operations.connection.query), variables: { first: 3 } });
  const first = await new Promise((resolve, reject) => {
    watched.subscribe({
      next: (value) => value.dataState === 'complete' && !value.loading && resolve(value),
      error: reject,
    });
  });
  const { endCursor } = at(first.data, operations.connection.path).pageInfo;
  await watched.fetchMore({ variables: { first: 3, after: endCursor } });
  await until(async () => at(watched.getCurrentResult().data, operations.connection.path).edges.length, 6);
});
await check('errors come as CombinedGraphQLErrors, not as a network error', async () => {
  try {
    await client(http()).query({ query: gql(operations.failingQuery.query), errorPolicy: 'none' });
  } catch (error) {
    assert(CombinedGraphQLErrors.is(error), `${error.constructor.name} ${error.message}`);
    return error.message;
  }
  throw new Error('there was no error');
});
await check('a subscription over graphql-ws', async () => {
  const sockets = createClient({ url: socketUrl, webSocketImpl: Socket });
  assertAll(await collect(client(new GraphQLWsLink(sockets)), operations.subscription), operations.subscription);
  sockets.dispose();
});
await check('a subscription over HttpLink alone (multipart)', async () => {
  assertAll(await collect(client(http()), operations.subscription), operations.subscription);
}, { level: 'SHOULD' });
await check('automatic persisted queries: the second request carries the hash alone', async () => {
  const sent = [];
  const recording = (url, init) => {
    sent.push(JSON.parse(init.body));
    return fetch(url, init);
  };
  const sha256 = (text) => createHash('sha256').update(text).digest('hex');
  const link = new PersistedQueryLink({ sha256 }).concat(http(recording));
  assert((await client(link).query(parsed(operations.query))).data);
  assert((await client(link).query(parsed(operations.query))).data);
  assert(!sent.at(-1).query, 'the text was sent again');
  return `${sent.length} requests`;
}, { level: 'SHOULD' });
finish();
