/** Apollo Client 4: queries over HTTP, subscriptions over a WebSocket that graphql-ws keeps. */
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache } from "@apollo/client";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { OperationTypeNode } from "graphql";
import { createClient } from "graphql-ws";
import { resumed } from "../../web/src/lorebase/resume.ts";
import {
  AskQuestionDocument,
  FollowAnswerDocument,
  ListDocumentsDocument,
  SearchDocument,
  type AskInput,
  type DocumentFilter,
  type FollowAnswerSubscription,
  type ListDocumentsQueryVariables,
  type SearchInput,
} from "./generated/operations.ts";
import schemaFacts from "./generated/possible-types.ts";
import { isTransient, valuesOf } from "./streams.ts";

export function createApolloClient(url: string, key: string): ApolloClient {
  const http = new HttpLink({ uri: url, headers: { authorization: `Bearer ${key}` } });
  const socket = createClient({
    url: url.replace(/^http/, "ws"),
    connectionParams: { authorization: `Bearer ${key}` },
    // graphql-ws would send the same request again, and the stream would begin anew: we resume instead.
    retryAttempts: 0,
  });
  const isSubscription = ({ operationType }: ApolloLink.Operation) => operationType === OperationTypeNode.SUBSCRIPTION;
  return new ApolloClient({
    link: ApolloLink.split(isSubscription, new GraphQLWsLink(socket), http),
    // Without the possible types the cache drops every field under `... on StreamEvent`, the cursor too.
    cache: new InMemoryCache({ possibleTypes: schemaFacts.possibleTypes }),
  });
}

export async function search(client: ApolloClient, input: SearchInput) {
  const { data } = await client.query({ query: SearchDocument, variables: { input, first: 10 } });
  return data?.search.nodes ?? [];
}

async function documentPage(client: ApolloClient, variables: ListDocumentsQueryVariables) {
  const { data } = await client.query({ query: ListDocumentsDocument, variables });
  return data?.node && "documents" in data.node ? data.node.documents : undefined;
}

/** All documents that match, page by page. */
export async function* listDocuments(client: ApolloClient, knowledgeBaseId: string, filter?: DocumentFilter) {
  const wanted = { knowledgeBaseId, filter, first: 2 };
  let page = await documentPage(client, wanted);
  while (page) {
    yield* page.nodes;
    const { hasNextPage, endCursor } = page.pageInfo;
    page = hasNextPage ? await documentPage(client, { ...wanted, after: endCursor }) : undefined;
  }
}

export async function ask(client: ApolloClient, input: AskInput): Promise<string> {
  const { data } = await client.mutate({ mutation: AskQuestionDocument, variables: { input } });
  const [refusal] = data?.ask.userErrors ?? [];
  if (!data?.ask.answer) throw new Error(refusal?.message ?? "The question was not taken.");
  return data.ask.answer.id;
}

/** GraphQLWsLink keeps the code of a socket that closed in the message of its error only. */
function isTransientSocket(failure: unknown): boolean {
  const closed = failure instanceof Error && /^Socket closed(?: with event (\d{4}))?/.exec(failure.message);
  if (!closed) return false;
  return isTransient(closed[1] ? { code: Number(closed[1]) } : { type: "error" });
}

/** The events of an answer, each once, whatever happens to the socket. */
export function followAnswer(client: ApolloClient, answerId: string) {
  const open = async function* (after: string | undefined) {
    const results = client.subscribe({ query: FollowAnswerDocument, variables: { answerId, after } });
    for await (const { data, error } of valuesOf<ApolloClient.SubscribeResult<FollowAnswerSubscription>>(results)) {
      if (error) throw error;
      if (data) yield data.answerEvents;
    }
  };
  return resumed(open, { isTransient: isTransientSocket });
}
