/** Offsets of the API count Unicode code points; JavaScript strings count UTF-16 units. */

/** The part of a text between two offsets of the API. */
export const cut = (text: string, start: number, end?: number): string => [...text].slice(start, end).join("");

/** A text with a delta put in its place: one that comes twice overwrites itself. */
export const withDelta = (text: string, offset: number, delta: string): string => cut(text, 0, offset) + delta;

export interface Piece {
  text: string;
  marked: boolean;
}

/** A text cut at the ranges that are to be marked; ranges may touch or overlap. */
export function marked(text: string, ranges: readonly { start: number; end: number }[]): Piece[] {
  const points = [...text];
  const inside = (at: number) => ranges.some(({ start, end }) => start <= at && at < end);
  const pieces: Piece[] = [];
  points.forEach((point, at) => {
    const last = pieces.at(-1);
    if (last && last.marked === inside(at)) last.text += point;
    else pieces.push({ text: point, marked: inside(at) });
  });
  return pieces;
}
