import assert from "node:assert/strict";
import { test } from "node:test";
import { withoutHeaders } from "./storage.js";

function memory() {
  const items = new Map();
  return {
    items,
    getItem: (key) => items.get(key) ?? null,
    setItem: (key, value) => items.set(key, value),
    removeItem: (key) => items.delete(key),
    clear: () => items.clear(),
    get length() {
      return items.size;
    },
  };
}

const entry = { query: "{ a }", variables: '{"headers": 1}', headers: '{"Authorization": "Bearer secret"}' };

test("the history is kept without its headers, and comes back with the default ones", () => {
  for (const key of ["graphiql:queries", "graphiql:favorites"]) {
    const below = memory();
    const storage = withoutHeaders(below, "{}");
    storage.setItem(key, JSON.stringify({ list: [entry] }));
    assert.ok(!below.getItem(key).includes("secret"));
    assert.deepEqual(JSON.parse(storage.getItem(key)).list, [{ ...entry, headers: "{}" }]);
  }
});

test("everything else passes through as it is", () => {
  const below = memory();
  const storage = withoutHeaders(below, "{}");
  storage.setItem("graphiql:theme", "dark");
  assert.equal(storage.getItem("graphiql:theme"), "dark");
  assert.equal(storage.getItem("graphiql:queries"), null);
  assert.equal(storage.length, 1);
  storage.removeItem("graphiql:theme");
  assert.equal(below.items.size, 0);
});
