import type { Connection } from "../lorebase/request.ts";

const PLACE = "lorebase.connection";
const KNOWLEDGE_BASE = "lorebase.knowledgeBase";

/** The connection of this browser tab. It is gone when the tab closes: a key is not kept for longer. */
export function recall(): Connection | null {
  try {
    const found: unknown = JSON.parse(sessionStorage.getItem(PLACE) ?? "null");
    return isConnection(found) ? found : null;
  } catch {
    return null; // Something else wrote there.
  }
}

const isConnection = (found: unknown): found is Connection =>
  typeof found === "object" && found !== null && "url" in found && "key" in found;

export const remember = (connection: Connection) => sessionStorage.setItem(PLACE, JSON.stringify(connection));

/** The knowledge base that was looked at last, undefined at first. */
export const recallKnowledgeBase = (): string | undefined => sessionStorage.getItem(KNOWLEDGE_BASE) ?? undefined;

export const rememberKnowledgeBase = (id: string) => sessionStorage.setItem(KNOWLEDGE_BASE, id);

export function forget() {
  sessionStorage.removeItem(PLACE);
  sessionStorage.removeItem(KNOWLEDGE_BASE);
}
