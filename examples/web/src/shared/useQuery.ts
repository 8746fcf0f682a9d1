import { useCallback, useEffect, useState } from "react";
import { request, type Connection, type Operation } from "../lorebase/request.ts";

export interface QueryState<Result> {
  data: Result | undefined;
  failure: unknown;
  loading: boolean;
  reload: () => void;
}

/** Runs a query whenever its variables change; the last result stays until the next one is there. */
export function useQuery<Result, Variables>(
  connection: Connection,
  operation: Operation<Result, Variables>,
  variables: Variables | null,
): QueryState<Result> {
  const [state, setState] = useState<{ data?: Result; failure: unknown; loading: boolean }>({
    failure: null,
    loading: variables !== null,
  });
  const [turn, setTurn] = useState(0);
  const wanted = JSON.stringify(variables);
  const reload = useCallback(() => setTurn((last) => last + 1), []);

  useEffect(() => {
    const given = JSON.parse(wanted) as Variables | null;
    if (given === null) return;
    const stop = new AbortController();
    setState((last) => ({ ...last, failure: null, loading: true }));
    request(connection, operation, given, stop.signal).then(
      (data) => setState({ data, failure: null, loading: false }),
      (failure: unknown) => {
        if (!stop.signal.aborted) setState((last) => ({ ...last, failure, loading: false }));
      },
    );
    return () => stop.abort();
  }, [connection, operation, wanted, turn]);

  return { data: state.data, failure: state.failure, loading: state.loading, reload };
}
