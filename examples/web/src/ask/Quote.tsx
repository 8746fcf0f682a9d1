import { useEffect, useRef } from "react";
import { ShowQuoteDocument } from "../generated/operations.ts";
import type { Citation } from "../lorebase/answers.ts";
import type { Connection } from "../lorebase/request.ts";
import { marked } from "../lorebase/text.ts";
import { placeOf } from "../shared/place.ts";
import { Problem } from "../shared/Problem.tsx";
import { useQuery } from "../shared/useQuery.ts";
import { titleOf } from "./Answer.tsx";

const AROUND = 1200;

interface QuoteProps {
  connection: Connection;
  citation: Citation;
  onClose: () => void;
}

/** The document that an answer cites, opened at the quoted words. */
export function Quote({ connection, citation, onClose }: QuoteProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const { start, end } = citation.documentRange;
  const from = Math.max(0, start - AROUND);
  const versionId = citation.documentVersion?.id;
  const variables = versionId ? { documentVersionId: versionId, start: from, end: end + AROUND } : null;
  const { data, failure, loading, reload } = useQuery(connection, ShowQuoteDocument, variables);
  const version = data?.node && "text" in data.node ? data.node : undefined;
  const text = version?.text ?? "";

  useEffect(() => {
    dialog.current?.showModal();
  }, []);
  useEffect(() => {
    dialog.current?.querySelector("mark")?.scrollIntoView({ block: "center" });
  }, [text]);

  return (
    <dialog ref={dialog} className="quote" aria-labelledby="quote-title" onClose={onClose} onClick={closeOutside}>
      <div className="quote-body">
        <header>
          <div>
            <h2 id="quote-title">{titleOf(citation)}</h2>
            {citation.chunk && <p className="place">{placeOf(citation.chunk, titleOf(citation))}</p>}
          </div>
          <button className="plain" onClick={() => dialog.current?.close()} autoFocus>
            Close
          </button>
        </header>
        {failure !== null && <Problem failure={failure} onRetry={reload} />}
        {loading && <p className="empty">Opening the document…</p>}
        {data && !version && <p className="empty">This document was deleted since.</p>}
        <div className="quote-text" tabIndex={0} role="region" aria-label="Text of the document">
          {from > 0 && text && "… "}
          {marked(text, [{ start: start - from, end: end - from }]).map((piece, index) =>
            piece.marked ? <mark key={index}>{piece.text}</mark> : <span key={index}>{piece.text}</span>,
          )}
        </div>
        {version?.downloadUrl && (
          <a href={version.downloadUrl} rel="noreferrer">
            Download the source
          </a>
        )}
      </div>
    </dialog>
  );
}

/** A click on the backdrop lands on the dialog itself. */
const closeOutside = (event: React.MouseEvent<HTMLDialogElement>) => {
  if (event.target === event.currentTarget) event.currentTarget.close();
};
