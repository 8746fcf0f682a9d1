/** Files, by the GraphQL multipart request specification. */
import { dataOf, send, type Connection, type Operation } from "./request.ts";

/** Runs a mutation whose variable `file` is a file. */
export async function upload<Result, Variables extends { file: Blob }>(
  connection: Connection,
  operation: Operation<Result, Variables>,
  variables: Variables,
  signal?: AbortSignal,
): Promise<Result> {
  const form = new FormData();
  // The order matters: the server reads the parts as they come.
  form.set("operations", JSON.stringify({ query: operation.toString(), variables: { ...variables, file: null } }));
  form.set("map", JSON.stringify({ 0: ["variables.file"] }));
  form.set("0", variables.file);
  const response = await send(connection, {
    // Without this header a form of any other site could upload in the reader's name.
    headers: { "graphql-require-preflight": "1" },
    body: form,
    signal: signal ?? null,
  });
  return dataOf<Result>(response);
}
