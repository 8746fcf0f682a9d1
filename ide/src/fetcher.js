import { Kind, parse } from "graphql";
import { createClient } from "graphql-ws";

const INTROSPECTION = "IntrospectionQuery";

/** The Authorization header, whatever its case, as the connection_init payload; no payload without one. */
export function connectionParams(headers) {
  const entry = Object.entries(headers ?? {}).find(([name]) => name.toLowerCase() === "authorization");
  return entry ? { authorization: entry[1] } : undefined;
}

/** The WebSocket address of the same path: ws under http, wss under https. */
export function webSocketUrl(endpoint) {
  return endpoint.replace(/^http/, "ws");
}

/**
 * The operation that `query` runs, undefined when it cannot be told. GraphiQL names the operation some time after
 * a tab was changed, so a name that the text does not have is an old one.
 */
export function operationOf(query, name) {
  let document;
  try {
    document = parse(query);
  } catch {
    return undefined; // The server explains syntax errors best.
  }
  const operations = document.definitions.filter(({ kind }) => kind === Kind.OPERATION_DEFINITION);
  const named = operations.find((operation) => operation.name?.value === name);
  return named ?? (operations.length === 1 ? operations[0] : undefined);
}

async function post(endpoint, params, headers) {
  const response = await fetch(endpoint, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      accept: "application/graphql-response+json, application/json;q=0.9",
      ...headers,
    },
    body: JSON.stringify(params),
  });
  const type = response.headers.get("content-type") ?? "";
  if (!type.includes("json")) {
    throw new Error(`HTTP ${response.status}: ${(await response.text()).slice(0, 500)}`);
  }
  return response.json();
}

function readable(failure) {
  if (typeof CloseEvent !== "undefined" && failure instanceof CloseEvent) {
    return new Error(`The connection closed with ${failure.code} ${failure.reason}`.trim());
  }
  return failure;
}

async function* subscribe(endpoint, params, headers) {
  // A client of its own for each run: the credentials of the headers editor may have changed.
  const client = createClient({
    url: webSocketUrl(endpoint),
    connectionParams: connectionParams(headers),
    retryAttempts: 0,
  });
  try {
    yield* client.iterate(params);
  } catch (failure) {
    throw readable(failure);
  } finally {
    await client.dispose();
  }
}

/** A GraphiQL fetcher: subscriptions over graphql-ws, all else by POST. */
export function createFetcher(endpoint, defaultHeaders) {
  return (params, options) => {
    // The first introspection runs before the headers editor exists.
    const headers = options?.headers ?? (params.operationName === INTROSPECTION ? defaultHeaders : undefined);
    const operation = operationOf(params.query, params.operationName);
    const request = operation ? { ...params, operationName: operation.name?.value } : params;
    return operation?.operation === "subscription"
      ? subscribe(endpoint, request, headers)
      : post(endpoint, request, headers);
  };
}
