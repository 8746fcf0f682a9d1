/** Server-Sent Events over `fetch`, which can send the key; the browser's EventSource cannot. */
import { dataOf, LorebaseError, send, type Connection, type GraphQLProblem, type Operation } from "./request.ts";

export interface Frame {
  event: string;
  data: string;
}

/** Cuts a stream of text into frames. Lines may be split anywhere between two pieces. */
export async function* frames(pieces: AsyncIterable<string>): AsyncGenerator<Frame> {
  let rest = "";
  for await (const piece of pieces) {
    const blocks = (rest + piece).split("\n\n");
    rest = blocks.pop() ?? "";
    for (const block of blocks) {
      const frame = parse(block);
      if (frame) yield frame;
    }
  }
}

function parse(block: string): Frame | undefined {
  const frame: Frame = { event: "", data: "" };
  for (const line of block.split("\n")) {
    const [, name, value] = /^(event|data): ?(.*)$/.exec(line) ?? [];
    if (name === "event") frame.event = value ?? "";
    if (name === "data") frame.data += value ?? "";
  }
  return frame.event ? frame : undefined; // A lone ":" keeps the connection open and says nothing.
}

async function* textOf(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield decoder.decode(value, { stream: true });
    }
  } finally {
    await reader.cancel().catch(() => undefined); // It is broken already when the connection broke.
  }
}

/**
 * The results of a subscription, until the server completes it.
 *
 * `lastEventId` resumes: it is the `cursor` of the last event seen, and fills the operation's `$after`.
 * Throws a retryable LorebaseError when the connection breaks before the end.
 */
export async function* events<Result, Variables>(
  connection: Connection,
  operation: Operation<Result, Variables>,
  variables: Variables,
  { lastEventId, signal }: { lastEventId?: string | undefined; signal?: AbortSignal | undefined } = {},
): AsyncGenerator<Result> {
  const response = await send(connection, {
    headers: {
      "content-type": "application/json",
      accept: "text/event-stream",
      ...(lastEventId ? { "last-event-id": lastEventId } : {}),
    },
    body: JSON.stringify({ query: operation.toString(), variables }),
    signal: signal ?? null,
  });
  if (!response.headers.get("content-type")?.startsWith("text/event-stream") || !response.body) {
    await dataOf(response); // Refused before it began: this throws what the server said.
    throw new LorebaseError({ message: "The server did not stream." });
  }
  try {
    for await (const frame of frames(textOf(response.body))) {
      if (frame.event === "complete") return;
      const result = JSON.parse(frame.data) as { data?: Result | null; errors?: GraphQLProblem[] };
      if (result.errors?.[0]) throw new LorebaseError(result.errors[0]);
      yield result.data as Result;
    }
  } catch (failure) {
    if (failure instanceof LorebaseError || signal?.aborted) throw failure;
    throw dropped();
  }
  throw dropped();
}

const dropped = () =>
  new LorebaseError({ message: "The connection was lost.", extensions: { code: "DROPPED", retryable: true } });
