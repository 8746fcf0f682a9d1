import { LorebaseError } from "../lorebase/request.ts";

/** What went wrong, in the server's own words, with the id that finds it in the server's logs. */
export function Problem({ failure, onRetry }: { failure: unknown; onRetry?: () => void }) {
  const error = failure instanceof Error ? failure : new Error(String(failure));
  return (
    <div className="problem" role="alert">
      <p>{error.message}</p>
      {error instanceof LorebaseError && error.traceId && <p className="trace">Trace {error.traceId}</p>}
      {onRetry && <button onClick={onRetry}>Try again</button>}
    </div>
  );
}
