import type { SearchQuery } from "../generated/operations.ts";
import { marked } from "../lorebase/text.ts";
import { placeOf } from "../shared/place.ts";

type SearchHit = SearchQuery["search"]["nodes"][number];

/** Without empty lines, which a short view has no room for. */
const closer = (text: string) => text.replace(/\n\s*\n/g, "\n");

/** One passage: where it stands, its words with what matched marked, and how well. */
export function Hit({ hit }: { hit: SearchHit }) {
  const { chunk, highlights, score } = hit;
  const { document } = chunk.documentVersion;
  const place = placeOf(chunk, document.title);
  return (
    <li className="hit">
      <h2>{document.title || document.externalId || "Untitled"}</h2>
      {place && <p className="place">{place}</p>}
      <p className="passage">
        {marked(chunk.text, highlights).map((piece, index) =>
          piece.marked ? <mark key={index}>{piece.text}</mark> : <span key={index}>{closer(piece.text)}</span>,
        )}
      </p>
      <meter min={0} max={1} value={score} aria-label="Relevance" title={`Score ${score.toFixed(3)}`} />
    </li>
  );
}
