import type { Citation } from "../lorebase/answers.ts";

interface AnswerTextProps {
  text: string;
  citations: readonly Citation[];
  writing: boolean;
  onOpen: (citation: Citation) => void;
}

const MARKER = /\[(\d+)\]/;

/**
 * The text as plain words, never as HTML or Markdown: it comes from strangers' documents. Its markers `[1]`
 * become buttons once their citation is there.
 */
export function AnswerText({ text, citations, writing, onOpen }: AnswerTextProps) {
  const pieces = text.split(MARKER).map((piece, place) => {
    if (place % 2 === 0) return piece;
    const citation = citations.find(({ index }) => index === Number(piece));
    if (!citation) return `[${piece}]`;
    return (
      <button key={place} className="marker" aria-label={`Source ${piece}`} onClick={() => onOpen(citation)}>
        {piece}
      </button>
    );
  });
  return (
    <p className="answer-text" data-writing={writing}>
      {pieces}
    </p>
  );
}
