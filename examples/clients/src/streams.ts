/** What the clients share about streams. */

interface Subscribable<Value> {
  subscribe: (sink: {
    next: (value: Value) => void;
    error: (failure: unknown) => void;
    complete: () => void;
  }) => { unsubscribe: () => void };
}

/** An observable as something to loop over. Leaving the loop ends the subscription. */
export async function* valuesOf<Value>(source: Subscribable<Value>): AsyncGenerator<Value> {
  const waiting: Value[] = [];
  let end: { failure?: unknown } | undefined;
  let wake = () => {};
  const subscription = source.subscribe({
    next: (value) => (waiting.push(value), wake()),
    error: (failure) => ((end = { failure }), wake()),
    complete: () => ((end = {}), wake()),
  });
  try {
    for (;;) {
      const value = waiting.shift();
      if (value !== undefined) yield value;
      else if (end) break;
      else await new Promise<void>((resolve) => (wake = resolve));
    }
  } finally {
    subscription.unsubscribe();
  }
  if (end && "failure" in end) throw end.failure;
}

// 1006: no close frame came. 1001, 1012 and 1013: the server goes away, restarts, or asks to try again later.
// 4504: we read too slowly. Others, such as 4401 and 4403, would only come again.
const TRANSIENT = new Set([1001, 1005, 1006, 1011, 1012, 1013, 4499, 4504]);

/** Whether a socket that failed is worth another try: the code with which it closed says so. */
export function isTransient(failure: unknown): boolean {
  if (typeof failure !== "object" || failure === null) return false;
  if ("code" in failure && typeof failure.code === "number") return TRANSIENT.has(failure.code);
  // A connection that was never made: the socket reports an event of type "error" and no code.
  return "type" in failure && failure.type === "error";
}
