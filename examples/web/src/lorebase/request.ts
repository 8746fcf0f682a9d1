/** Queries and mutations over plain `fetch`. */
import type { DocumentTypeDecoration } from "@graphql-typed-document-node/core";

/** An operation's text that knows its types; codegen makes these. */
export type Operation<Result, Variables> = DocumentTypeDecoration<Result, Variables> & { toString(): string };

export interface Connection {
  /** Where the API answers, for example `http://127.0.0.1:8000/graphql`. */
  url: string;
  key: string;
}

export interface GraphQLProblem {
  message: string;
  extensions?: { code?: string; retryable?: boolean; traceId?: string };
}

/** A request that failed as a whole. `code` says what to do, `traceId` finds it in the server's logs. */
export class LorebaseError extends Error {
  readonly code: string;
  readonly retryable: boolean;
  readonly traceId: string | undefined;

  constructor(problem: GraphQLProblem) {
    super(problem.message);
    this.name = "LorebaseError";
    this.code = problem.extensions?.code ?? "UNREACHABLE";
    this.retryable = problem.extensions?.retryable ?? false;
    this.traceId = problem.extensions?.traceId;
  }
}

const ACCEPT = "application/graphql-response+json, application/json;q=0.9";

/** Sends any request to the endpoint with the key; a network failure becomes a retryable LorebaseError. */
export async function send(connection: Connection, init: RequestInit): Promise<Response> {
  const headers = new Headers(init.headers);
  headers.set("authorization", `Bearer ${connection.key}`);
  try {
    return await fetch(connection.url, { ...init, method: "POST", headers });
  } catch (failure) {
    if (init.signal?.aborted) throw failure;
    throw new LorebaseError({ message: "The server cannot be reached.", extensions: { retryable: true } });
  }
}

/** The `data` of a response; LorebaseError with the first of its `errors`. */
export async function dataOf<Result>(response: Response): Promise<Result> {
  const type = response.headers.get("content-type") ?? "";
  if (!type.includes("json")) {
    const retryable = response.status >= 500;
    throw new LorebaseError({ message: `The server answered ${response.status}.`, extensions: { retryable } });
  }
  const body = (await response.json()) as { data?: Result | null; errors?: GraphQLProblem[] };
  const problem = body.errors?.[0];
  if (problem) throw new LorebaseError(problem);
  return body.data as Result;
}

/** Runs a query or a mutation. */
export async function request<Result, Variables>(
  connection: Connection,
  operation: Operation<Result, Variables>,
  variables: Variables,
  signal?: AbortSignal,
): Promise<Result> {
  const response = await send(connection, {
    headers: { "content-type": "application/json", accept: ACCEPT },
    body: JSON.stringify({ query: operation.toString(), variables }),
    signal: signal ?? null,
  });
  return dataOf<Result>(response);
}
