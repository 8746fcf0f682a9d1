/** urql: queries over HTTP, subscriptions over a WebSocket that graphql-ws keeps. */
import { cacheExchange, Client, fetchExchange, subscriptionExchange } from "@urql/core";
import { createClient } from "graphql-ws";
import { pipe, toAsyncIterable } from "wonka";
import { resumed } from "../../web/src/lorebase/resume.ts";
import {
  AskQuestionDocument,
  FollowAnswerDocument,
  SearchDocument,
  type AskInput,
  type SearchInput,
} from "./generated/operations.ts";
import { isTransient } from "./streams.ts";

export function createUrqlClient(url: string, key: string): Client {
  const authorization = `Bearer ${key}`;
  const socket = createClient({
    url: url.replace(/^http/, "ws"),
    connectionParams: { authorization },
    retryAttempts: 0, // We resume after the last event instead.
  });
  return new Client({
    url,
    fetchOptions: { headers: { authorization } },
    preferGetMethod: false,
    exchanges: [
      cacheExchange,
      fetchExchange,
      subscriptionExchange({
        forwardSubscription: ({ query, variables }) => ({
          subscribe: (sink) => ({ unsubscribe: socket.subscribe({ query: query ?? "", variables }, sink) }),
        }),
      }),
    ],
  });
}

export async function search(client: Client, input: SearchInput) {
  const { data, error } = await client.query(SearchDocument, { input, first: 10 }).toPromise();
  if (error) throw error;
  return data?.search.nodes ?? [];
}

export async function ask(client: Client, input: AskInput): Promise<string> {
  const { data, error } = await client.mutation(AskQuestionDocument, { input }).toPromise();
  if (error) throw error;
  const [refusal] = data?.ask.userErrors ?? [];
  if (!data?.ask.answer) throw new Error(refusal?.message ?? "The question was not taken.");
  return data.ask.answer.id;
}

/** The events of an answer, each once, whatever happens to the socket. */
export function followAnswer(client: Client, answerId: string) {
  const open = async function* (after: string | undefined) {
    const results = client.subscription(FollowAnswerDocument, { answerId, after });
    for await (const { data, error } of pipe(results, toAsyncIterable)) {
      if (error) throw error.networkError ?? error;
      if (data) yield data.answerEvents;
    }
  };
  return resumed(open, { isTransient });
}
