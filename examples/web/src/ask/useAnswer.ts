import { useEffect, useReducer, useState } from "react";
import { followAnswer, NEW_ANSWER, step } from "../lorebase/answers.ts";
import type { Connection } from "../lorebase/request.ts";

/** An answer as it is written, through as many connections as it takes. */
export function useAnswer(connection: Connection, answerId: string) {
  const [answer, advance] = useReducer(step, NEW_ANSWER);
  const [reconnecting, setReconnecting] = useState(false);
  const [failure, setFailure] = useState<unknown>(null);
  useEffect(() => {
    const stop = new AbortController();
    const { signal } = stop;
    const onConnection = (state: string) => setReconnecting(state === "reconnecting");
    const follow = async () => {
      try {
        for await (const event of followAnswer(connection, answerId, { signal, onConnection })) {
          if (signal.aborted) return;
          advance(event);
        }
      } catch (problem) {
        if (!signal.aborted) setFailure(problem);
      }
    };
    void follow();
    return () => stop.abort();
  }, [connection, answerId]);
  return { answer, reconnecting, failure };
}
