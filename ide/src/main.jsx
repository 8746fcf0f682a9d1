import "./workers.js";
import "graphiql/style.css";
import "./page.css";
import { GraphiQL } from "graphiql";
import { createRoot } from "react-dom/client";
import { exampleTabs, forgetTabsOfOtherExamples } from "./examples.js";
import { createFetcher } from "./fetcher.js";
import { withoutHeaders } from "./storage.js";

const BLANK_HEADERS = '{\n  "Authorization": "Bearer "\n}';

const path = location.pathname.replace(/\/+$/, "");
const endpoint = location.origin + path;

async function loadConfig() {
  const response = await fetch(`${endpoint}/ide/config.json`, { headers: { accept: "application/json" } });
  return response.ok ? response.json() : { operations: [], headers: null };
}

function Page({ config }) {
  const tabs = exampleTabs(config.operations);
  const headers = config.headers ?? BLANK_HEADERS;
  return (
    <GraphiQL
      fetcher={createFetcher(endpoint, config.headers ? JSON.parse(config.headers) : undefined)}
      storage={withoutHeaders(localStorage, headers)}
      defaultHeaders={headers}
      defaultTabs={tabs.length ? tabs : undefined}
      defaultEditorToolsVisibility="variables"
      shouldPersistHeaders={false}
      showPersistHeadersSettings={false}
    >
      <GraphiQL.Logo>Lorebase</GraphiQL.Logo>
    </GraphiQL>
  );
}

const config = await loadConfig();
await forgetTabsOfOtherExamples(config.operations, localStorage);
createRoot(document.getElementById("graphiql")).render(<Page config={config} />);
