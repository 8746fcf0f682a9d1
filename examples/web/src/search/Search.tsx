import { useState, type FormEvent } from "react";
import { SearchDocument, ShowKnowledgeBaseDocument, type SearchMode, type SearchQueryVariables } from "../generated/operations.ts";
import { Problem } from "../shared/Problem.tsx";
import { useQuery } from "../shared/useQuery.ts";
import type { Place } from "../Workspace.tsx";
import { documentFilter, type Choices } from "./filter.ts";
import { FilterPanel } from "./FilterPanel.tsx";
import { Hit } from "./Hit.tsx";

const MODES: Readonly<Record<SearchMode, string>> = { HYBRID: "Meaning and words", VECTOR: "Meaning", KEYWORD: "Words" };
const PAGE = 10;

const counted = (count: number, more: boolean) =>
  more ? `First ${count} passages` : `${count} ${count === 1 ? "passage" : "passages"}`;

export function Search({ connection, knowledgeBaseId, active }: Place & { active: boolean }) {
  const [query, setQuery] = useState("");
  const [mode, setMode] = useState<SearchMode>("HYBRID");
  const [choices, setChoices] = useState<Choices>({});
  const [first, setFirst] = useState(PAGE);
  const base = useQuery(connection, ShowKnowledgeBaseDocument, active ? { id: knowledgeBaseId } : null);
  const fields = base.data?.node && "metadataFields" in base.data.node ? base.data.node.metadataFields : [];
  const document = documentFilter(fields, choices);
  const variables: SearchQueryVariables | null = query
    ? { first, input: { knowledgeBaseIds: [knowledgeBaseId], query, mode, filter: document && { document } } }
    : null;
  const { data, failure, loading, reload } = useQuery(connection, SearchDocument, variables);
  const found = query ? data?.search : undefined;

  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    setFirst(PAGE);
    setQuery(String(new FormData(event.currentTarget).get("query")).trim());
  };

  return (
    <>
      <h1>Search</h1>
      <form role="search" className="search-bar" onSubmit={submit}>
        <input name="query" type="search" aria-label="Search the documents" placeholder="What are you looking for?" />
        <select aria-label="Find by" value={mode} onChange={(event) => setMode(event.target.value as SearchMode)}>
          {Object.entries(MODES).map(([name, label]) => (
            <option key={name} value={name}>
              {label}
            </option>
          ))}
        </select>
        <button className="primary">Search</button>
      </form>
      <div className="search-body">
        {active && <FilterPanel {...{ connection, knowledgeBaseId, fields, choices }} onChange={setChoices} />}
        <div className="results" aria-busy={loading}>
          {failure !== null && <Problem failure={failure} onRetry={reload} />}
          {!query && <p className="empty">Search by meaning, by words, or both. Filters narrow what is found.</p>}
          {query && loading && !found && <p className="empty">Searching…</p>}
          {found && (
            <p className="quiet" role="status">
              {found.nodes.length === 0
                ? "Nothing matches. Try other words, or fewer filters."
                : `${counted(found.nodes.length, found.pageInfo.hasNextPage)} in ${found.tookMs} ms`}
            </p>
          )}
          <ol>
            {found?.nodes.map((hit) => (
              <Hit key={hit.chunk.id} hit={hit} />
            ))}
          </ol>
          {found?.pageInfo.hasNextPage && first < 100 && (
            <button onClick={() => setFirst((shown) => Math.min(100, shown + PAGE))}>Show more</button>
          )}
        </div>
      </div>
    </>
  );
}
