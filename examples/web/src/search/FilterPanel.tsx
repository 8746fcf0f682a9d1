import { ListFacetsDocument, type DocumentFilter } from "../generated/operations.ts";
import type { Connection } from "../lorebase/request.ts";
import { useQuery } from "../shared/useQuery.ts";
import { BUILT_IN, documentFilter, type Choice, type Choices, type Field } from "./filter.ts";

interface PanelProps {
  connection: Connection;
  knowledgeBaseId: string;
  fields: readonly Field[];
  choices: Choices;
  onChange: (choices: Choices) => void;
}

const NAMES = { tags: "Tags", language: "Language", mediaType: "Type" } as const;

/** A key's last part as a heading: `author.team` is Team. */
const headingOf = (path: string) => {
  const last = path.split(".").at(-1) ?? path;
  return last.charAt(0).toUpperCase() + last.slice(1).replaceAll("_", " ");
};

/** One control for each key, built from what the knowledge base declares and from the values it holds. */
export function FilterPanel({ connection, knowledgeBaseId, fields, choices, onChange }: PanelProps) {
  const change = (path: string, choice: Choice | undefined) => {
    const { [path]: _, ...others } = choices;
    onChange(choice ? { ...others, [path]: choice } : others);
  };
  const facet = (path: string, heading: string) => (
    <Facet
      key={path}
      {...{ connection, knowledgeBaseId, path, heading }}
      filter={documentFilter(fields, choices, path)}
      chosen={choices[path]}
      onChange={(choice) => change(path, choice)}
    />
  );
  return (
    <aside className="filters" aria-label="Filters">
      {BUILT_IN.map((path) => facet(path, NAMES[path]))}
      {fields.map(({ path, type }) => {
        if (type === "STRING" || type === "STRING_LIST") return facet(path, headingOf(path));
        const given = { heading: headingOf(path), chosen: choices[path], onChange: (choice?: Choice) => change(path, choice) };
        if (type === "BOOLEAN") return <Truth key={path} {...given} />;
        return <Range key={path} {...given} input={type === "NUMBER" ? "number" : "date"} />;
      })}
      {Object.keys(choices).length > 0 && (
        <button className="plain" onClick={() => onChange({})}>
          Clear filters
        </button>
      )}
    </aside>
  );
}

interface FacetProps {
  connection: Connection;
  knowledgeBaseId: string;
  path: string;
  heading: string;
  filter: DocumentFilter | undefined;
  chosen: Choice | undefined;
  onChange: (choice: Choice | undefined) => void;
}

function Facet({ connection, knowledgeBaseId, path, heading, filter, chosen, onChange }: FacetProps) {
  const { data } = useQuery(connection, ListFacetsDocument, { knowledgeBaseId, path, filter, first: 8 });
  const counted = data?.node && "facets" in data.node ? data.node.facets : [];
  const picked = chosen?.kind === "values" ? chosen.values : [];
  // A value that was picked stays, even when the other filters leave none of it.
  const missing = picked.filter((value) => !counted.some((facet) => facet.value === value));
  const values = [...counted, ...missing.map((value) => ({ value, count: 0 }))];
  if (values.length === 0) return null;
  const toggle = (value: string, on: boolean) => {
    const rest = picked.filter((kept) => kept !== value);
    onChange({ kind: "values", values: on ? [...rest, value] : rest });
  };
  return (
    <fieldset>
      <legend>{heading}</legend>
      {values.map(({ value, count }) => (
        <label key={value} className="choice">
          <input
            type="checkbox"
            checked={picked.includes(value)}
            onChange={(event) => toggle(value, event.target.checked)}
          />
          <span>{value}</span>
          <span className="count">{count}</span>
        </label>
      ))}
    </fieldset>
  );
}

interface ControlProps {
  heading: string;
  chosen: Choice | undefined;
  onChange: (choice?: Choice) => void;
}

function Range({ heading, chosen, onChange, input }: ControlProps & { input: "number" | "date" }) {
  const { from, to } = chosen?.kind === "range" ? chosen : { from: "", to: "" };
  return (
    <fieldset>
      <legend>{heading}</legend>
      <div className="range">
        <input
          type={input}
          step="any"
          aria-label={`${heading} from`}
          value={from}
          onChange={(event) => onChange({ kind: "range", from: event.target.value, to })}
        />
        <span aria-hidden="true">–</span>
        <input
          type={input}
          step="any"
          aria-label={`${heading} to`}
          value={to}
          onChange={(event) => onChange({ kind: "range", from, to: event.target.value })}
        />
      </div>
    </fieldset>
  );
}

function Truth({ heading, chosen, onChange }: ControlProps) {
  const value = chosen?.kind === "truth" ? String(chosen.value) : "";
  const pick = (text: string) => onChange(text ? { kind: "truth", value: text === "true" } : undefined);
  return (
    <fieldset>
      <legend>{heading}</legend>
      <select aria-label={heading} value={value} onChange={(event) => pick(event.target.value)}>
        <option value="">Either</option>
        <option value="true">Yes</option>
        <option value="false">No</option>
      </select>
    </fieldset>
  );
}
