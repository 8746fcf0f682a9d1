import { useState } from "react";
import { Ask } from "./ask/Ask.tsx";
import { recallKnowledgeBase, rememberKnowledgeBase } from "./connect/session.ts";
import { Documents } from "./documents/Documents.tsx";
import { ListKnowledgeBasesDocument, ViewerDocument } from "./generated/operations.ts";
import type { Connection } from "./lorebase/request.ts";
import { Search } from "./search/Search.tsx";
import { Logo } from "./shared/Logo.tsx";
import { Problem } from "./shared/Problem.tsx";
import { useHash } from "./shared/useHash.ts";
import { useQuery } from "./shared/useQuery.ts";

/** What every view gets: whom to ask, and about what. */
export interface Place {
  connection: Connection;
  workspaceId: string;
  knowledgeBaseId: string;
}

const VIEWS = { documents: "Documents", search: "Search", ask: "Ask" } as const;
type View = keyof typeof VIEWS;
const isView = (name: string): name is View => name in VIEWS;

export function Workspace({ connection, onDisconnect }: { connection: Connection; onDisconnect: () => void }) {
  const hash = useHash();
  const view = isView(hash) ? hash : "documents";
  const viewer = useQuery(connection, ViewerDocument, {});
  const workspace = viewer.data?.viewer?.workspaces.nodes[0];
  const bases = useQuery(connection, ListKnowledgeBasesDocument, workspace ? { workspaceId: workspace.id, first: 100 } : null);
  const node = bases.data?.node;
  const choices = node && "knowledgeBases" in node ? node.knowledgeBases.nodes : [];
  const [chosen, setChosen] = useState(recallKnowledgeBase);
  // One that was deleted since is in the list no more.
  const knowledgeBaseId = (choices.find(({ id }) => id === chosen) ?? choices[0])?.id;
  const choose = (id: string) => {
    rememberKnowledgeBase(id);
    setChosen(id);
  };
  const failure = viewer.failure ?? bases.failure;

  return (
    <>
      <header className="top">
        <Logo />
        <nav aria-label="Views">
          {Object.entries(VIEWS).map(([name, label]) => (
            <a key={name} href={`#${name}`} aria-current={name === view ? "page" : undefined}>
              {label}
            </a>
          ))}
        </nav>
        <div className="top-end">
          {choices.length > 0 && (
            <select aria-label="Knowledge base" value={knowledgeBaseId} onChange={(event) => choose(event.target.value)}>
              {choices.map(({ id, name }) => (
                <option key={id} value={id}>
                  {name}
                </option>
              ))}
            </select>
          )}
          <button className="plain" onClick={onDisconnect}>
            Disconnect
          </button>
        </div>
      </header>
      <main>
        {failure !== null && <Problem failure={failure} onRetry={viewer.failure ? viewer.reload : bases.reload} />}
        {failure === null && !knowledgeBaseId && <Waiting loading={!bases.data} />}
        {workspace && knowledgeBaseId && (
          <Views key={knowledgeBaseId} view={view} place={{ connection, workspaceId: workspace.id, knowledgeBaseId }} />
        )}
      </main>
    </>
  );
}

const Waiting = ({ loading }: { loading: boolean }) => (
  <p className="empty" aria-busy={loading}>
    {loading ? "Loading…" : "This workspace has no knowledge base yet. Make one with CreateKnowledgeBase."}
  </p>
);

/** All views stay mounted: an upload or an answer goes on while another one is looked at. */
const Views = ({ view, place }: { view: View; place: Place }) => (
  <>
    <section hidden={view !== "documents"} aria-label={VIEWS.documents}>
      <Documents {...place} />
    </section>
    <section hidden={view !== "search"} aria-label={VIEWS.search}>
      <Search {...place} active={view === "search"} />
    </section>
    <section hidden={view !== "ask"} aria-label={VIEWS.ask}>
      <Ask {...place} />
    </section>
  </>
);
