/** Relay: pages of a connection, and objects that keep their id across queries. */
import {
  Environment,
  fetchQuery,
  graphql,
  Network,
  Observable,
  RecordSource,
  requestSubscription,
  Store,
  type FetchFunction,
  type SubscribeFunction,
} from "relay-runtime";
import { createClient } from "graphql-ws";
import { resumed } from "../../web/src/lorebase/resume.ts";
import type { relayAnswerSubscription } from "./__generated__/relayAnswerSubscription.graphql.ts";
import type { relayDocumentsQuery } from "./__generated__/relayDocumentsQuery.graphql.ts";
import { isTransient, valuesOf } from "./streams.ts";

export function createRelayEnvironment(url: string, key: string): Environment {
  const authorization = `Bearer ${key}`;
  const socket = createClient({
    url: url.replace(/^http/, "ws"),
    connectionParams: { authorization },
    retryAttempts: 0, // We resume after the last event instead.
  });
  const fetchOperation: FetchFunction = async ({ text, name }, variables) => {
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json", authorization },
      body: JSON.stringify({ query: text, operationName: name, variables }),
    });
    return response.json();
  };
  const subscribe: SubscribeFunction = ({ text, name }, variables) =>
    Observable.create((sink) => {
      const payload = { query: text ?? "", operationName: name, variables };
      return socket.subscribe(payload, sink as Parameters<typeof socket.subscribe>[1]);
    });
  return new Environment({
    network: Network.create(fetchOperation, subscribe),
    store: new Store(new RecordSource()),
  });
}

const documentsQuery = graphql`
  query relayDocumentsQuery($id: ID!, $first: Int!, $after: String, $filter: DocumentFilter) {
    node(id: $id) {
      ... on KnowledgeBase {
        documents(first: $first, after: $after, filter: $filter) {
          edges {
            cursor
            node {
              id
              title
            }
          }
          pageInfo {
            hasNextPage
            endCursor
          }
        }
      }
    }
  }
`;

async function documentPage(environment: Environment, variables: relayDocumentsQuery["variables"]) {
  const data = await fetchQuery<relayDocumentsQuery>(environment, documentsQuery, variables).toPromise();
  return data?.node?.documents;
}

/** All documents of a knowledge base, page by page. */
export async function* listDocuments(environment: Environment, id: string) {
  let page = await documentPage(environment, { id, first: 2 });
  while (page) {
    yield* page.edges.map(({ node }) => node);
    const { hasNextPage, endCursor } = page.pageInfo;
    page = hasNextPage ? await documentPage(environment, { id, first: 2, after: endCursor }) : undefined;
  }
}

const answerSubscription = graphql`
  subscription relayAnswerSubscription($answerId: ID!, $after: String) {
    answerEvents(answerId: $answerId, after: $after) {
      __typename
      ... on StreamEvent {
        cursor
      }
      ... on AnswerDelta {
        offset
        text
      }
      ... on AnswerCompleted {
        finishReason
        answer {
          id
          text
        }
      }
    }
  }
`;

/** The events of an answer, each once, whatever happens to the socket. */
export function followAnswer(environment: Environment, answerId: string) {
  const open = (after: string | undefined) =>
    valuesOf<relayAnswerSubscription["response"]["answerEvents"]>({
      subscribe: ({ next, error, complete }) => {
        const { dispose } = requestSubscription<relayAnswerSubscription>(environment, {
          subscription: answerSubscription,
          variables: { answerId, after },
          onNext: (data) => data && next(data.answerEvents),
          onError: error,
          onCompleted: complete,
        });
        return { unsubscribe: dispose };
      },
    });
  return resumed(open, { isTransient });
}
