/** A stream that outlives its connections. It works with any client that can subscribe. */

interface StreamEvent {
  readonly __typename: string;
  readonly cursor?: string;
}

export interface ResumeOptions {
  /** Whether a failure is worth another try, for example a dropped connection. */
  isTransient: (failure: unknown) => boolean;
  /** Told when the connection is lost and when events come again. */
  onConnection?: (state: "open" | "reconnecting") => void;
  signal?: AbortSignal | undefined;
  /** Milliseconds before try number `attempt`, from 1; doubling from 250 ms to 8 s when absent. */
  delay?: (attempt: number) => number;
}

const TERMINAL = new Set(["JobSucceeded", "JobFailed", "AnswerCompleted", "AnswerFailed"]);

/** Full jitter, so that a thousand readers do not come back in the same moment. */
const backoff = (attempt: number) => Math.random() * Math.min(8000, 250 * 2 ** attempt);

const pause = (milliseconds: number, signal?: AbortSignal) =>
  new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal?.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  });

/**
 * Events of one job or answer to their end: each exactly once, over as many connections as it takes.
 *
 * `open` subscribes after the cursor it is given, from the start without one.
 */
export async function* resumed<Event extends StreamEvent>(
  open: (after: string | undefined) => AsyncIterable<Event>,
  { isTransient, onConnection, signal, delay = backoff }: ResumeOptions,
): AsyncGenerator<Event> {
  let after: string | undefined;
  for (let attempt = 0; !signal?.aborted; attempt += 1) {
    try {
      for await (const event of open(after)) {
        attempt = 0;
        after = event.cursor ?? after;
        onConnection?.("open");
        yield event;
        if (TERMINAL.has(event.__typename)) return;
      }
    } catch (failure) {
      if (signal?.aborted) return;
      if (!isTransient(failure)) throw failure;
    }
    onConnection?.("reconnecting");
    await pause(delay(attempt + 1), signal);
  }
}
