import { CancelAnswerDocument } from "../generated/operations.ts";
import type { AnswerState, Citation } from "../lorebase/answers.ts";
import { request, type Connection } from "../lorebase/request.ts";
import { Problem } from "../shared/Problem.tsx";
import { AnswerText } from "./AnswerText.tsx";
import { useAnswer } from "./useAnswer.ts";

interface AnswerProps {
  connection: Connection;
  answerId: string;
  onOpen: (citation: Citation) => void;
}

function describe({ status, passages }: AnswerState): string {
  if (status === "waiting") return "Waiting for a worker…";
  if (status === "searching") return "Looking for evidence…";
  if (status === "writing") return `Writing from ${passages} ${passages === 1 ? "passage" : "passages"}…`;
  return "";
}

export function Answer({ connection, answerId, onOpen }: AnswerProps) {
  const { answer, reconnecting, failure } = useAnswer(connection, answerId);
  const open = answer.status !== "done" && answer.status !== "failed" && failure === null;
  const stop = () => request(connection, CancelAnswerDocument, { input: { id: answerId } });
  const noEvidence = answer.finishReason === "NO_EVIDENCE";
  return (
    <div className="answer" data-answer={answerId} data-status={answer.status}>
      {noEvidence ? (
        <p className="empty">Nothing in these documents answers that.</p>
      ) : (
        <AnswerText text={answer.text} citations={answer.citations} writing={open} onOpen={onOpen} />
      )}
      <div className={open ? "answer-line" : undefined}>
        <p className="answer-status" role="status">
          {open && reconnecting && <span className="reconnecting">Connection lost. Reconnecting…</span>}
          {open && !reconnecting && describe(answer)}
          {answer.finishReason === "CANCELLED" && "Stopped."}
        </p>
        {open && (
          <button className="plain" onClick={() => void stop()}>
            Stop
          </button>
        )}
      </div>
      {answer.status === "failed" && <Problem failure={new Error(answer.error?.message ?? "The answer failed.")} />}
      {failure !== null && <Problem failure={failure} />}
      {answer.citations.length > 0 && <Sources citations={answer.citations} onOpen={onOpen} />}
    </div>
  );
}

const Sources = ({ citations, onOpen }: { citations: readonly Citation[]; onOpen: (citation: Citation) => void }) => (
  <ol className="sources" aria-label="Sources">
    {citations.map((citation) => (
      <li key={citation.index}>
        <button onClick={() => onOpen(citation)} disabled={!citation.documentVersion}>
          <span className="source-index">{citation.index}</span>
          <span className="source-title">{titleOf(citation)}</span>
          <span className="source-quote">{citation.quote}</span>
        </button>
      </li>
    ))}
  </ol>
);

/** What a citation is from; a document may have been deleted since. */
export const titleOf = ({ documentVersion }: Citation): string =>
  documentVersion?.document.title || documentVersion?.document.externalId || "A deleted document";
