const MARK = "lorebase:examples";
const VARIABLES = "graphiql:variables";
const TAB_KEYS = ["graphiql:tabState", "graphiql:query", VARIABLES];

async function digest(text) {
  if (!globalThis.crypto?.subtle) return `${text.length}`; // Plain http on a host other than loopback.
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return Array.from(new Uint8Array(hash).slice(0, 8), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Drops the stored tabs when the examples, or the ids in their variables, are no longer the same. */
export async function forgetTabsOfOtherExamples(operations, storage) {
  const current = await digest(JSON.stringify(operations));
  if (storage.getItem(MARK) === current) return;
  TAB_KEYS.forEach((key) => storage.removeItem(key));
  storage.setItem(MARK, current);
  // GraphiQL opens the first of its default tabs with the variables that stand here, not with the tab's own.
  const first = exampleTabs(operations)[0];
  if (first?.variables) storage.setItem(VARIABLES, first.variables);
}

/** The tabs that GraphiQL opens with. */
export function exampleTabs(operations) {
  return operations.map(({ query, variables }) => ({
    query,
    variables: variables ? JSON.stringify(variables, null, 2) : undefined,
  }));
}
