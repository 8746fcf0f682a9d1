/** From what was picked in the filter panel to the API's typed filter. */
import type { DocumentFilter, MetadataFieldType, MetadataFilter, MetadataValueFilter } from "../generated/operations.ts";

export interface Field {
  readonly path: string;
  readonly type: MetadataFieldType;
}

/** What was picked for one key. */
export type Choice =
  | { kind: "values"; values: readonly string[] }
  | { kind: "range"; from: string; to: string }
  | { kind: "truth"; value: boolean };

export type Choices = Readonly<Record<string, Choice>>;

/** Keys that every knowledge base can count and filter by, whatever it declares. */
export const BUILT_IN = ["tags", "language", "mediaType"] as const;
export type BuiltIn = (typeof BUILT_IN)[number];

/** The filter, undefined when nothing was picked. `without` leaves one key out, as its own facet must. */
export function documentFilter(
  fields: readonly Field[],
  choices: Choices,
  without?: string,
): DocumentFilter | undefined {
  const kept = Object.fromEntries(Object.entries(choices).filter(([path, choice]) => path !== without && !isBlank(choice)));
  const metadata = fields.flatMap(({ path, type }): MetadataFilter[] => {
    const value = kept[path] && metadataValue(type, kept[path]);
    return value ? [{ path, value }] : [];
  });
  const filter: { -readonly [Name in keyof DocumentFilter]: DocumentFilter[Name] } = {};
  const [tags, language, mediaType] = BUILT_IN.map((path) => picked(kept[path]));
  if (tags) filter.tags = { hasAny: tags };
  if (language) filter.language = { in: language };
  if (mediaType) filter.mediaType = { in: mediaType };
  if (metadata.length > 0) filter.metadata = metadata;
  return Object.keys(filter).length > 0 ? filter : undefined;
}

const picked = (choice: Choice | undefined) => (choice?.kind === "values" ? choice.values : undefined);

function isBlank(choice: Choice): boolean {
  if (choice.kind === "values") return choice.values.length === 0;
  return choice.kind === "range" && !choice.from && !choice.to;
}

function metadataValue(type: MetadataFieldType, choice: Choice): MetadataValueFilter | undefined {
  switch (choice.kind) {
    case "truth":
      return { boolean: { eq: choice.value } };
    case "values":
      return type === "STRING_LIST" ? { stringList: { hasAny: choice.values } } : { string: { in: choice.values } };
    case "range":
      return type === "NUMBER" ? { number: bounds(choice, Number) } : { dateTime: bounds(choice, instant) };
  }
}

/** The API refuses an operand that is null, so an open end is left out. */
const bounds = <Value>({ from, to }: { from: string; to: string }, read: (text: string, end: boolean) => Value) => ({
  ...(from && { gte: read(from, false) }),
  ...(to && { lte: read(to, true) }),
});

/** A day of the reader's calendar as a moment: its first, or its last. */
const instant = (day: string, end: boolean): string =>
  new Date(`${day}T${end ? "23:59:59.999" : "00:00:00.000"}`).toISOString();
