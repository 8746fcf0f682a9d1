/* global EDITOR_WORKER, GRAPHQL_WORKER, JSON_WORKER -- file names, put in by build.mjs */
const NAMES = { graphql: GRAPHQL_WORKER, json: JSON_WORKER };

globalThis.MonacoEnvironment = {
  getWorker(_id, label) {
    return new Worker(new URL(NAMES[label] ?? EDITOR_WORKER, import.meta.url));
  },
};
