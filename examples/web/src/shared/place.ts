interface Passage {
  readonly section: readonly string[];
  readonly page?: number | null | undefined;
}

/** Where a passage stands in its document, in words: its headings and its page, without the title again. */
export function placeOf({ section, page }: Passage, title: string): string {
  const headings = section.filter((heading) => heading !== title);
  return [...headings, ...(page ? [`page ${page}`] : [])].join(" › ");
}
