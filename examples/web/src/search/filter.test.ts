import assert from "node:assert/strict";
import { test } from "node:test";
import { documentFilter, type Field } from "./filter.ts";

const FIELDS: readonly Field[] = [
  { path: "author.team", type: "STRING" },
  { path: "audience", type: "STRING_LIST" },
  { path: "pages", type: "NUMBER" },
  { path: "published", type: "DATE_TIME" },
  { path: "draft", type: "BOOLEAN" },
];

test("nothing picked is no filter", () => {
  assert.equal(documentFilter(FIELDS, {}), undefined);
});

test("a choice that was taken back is no filter", () => {
  const choices = { tags: { kind: "values", values: [] }, pages: { kind: "range", from: "", to: "" } } as const;
  assert.equal(documentFilter(FIELDS, choices), undefined);
});

test("tags share one value, languages and types are one of those picked", () => {
  const values = (...given: string[]) => ({ kind: "values", values: given }) as const;
  assert.deepEqual(documentFilter(FIELDS, { tags: values("a", "b"), language: values("en"), mediaType: values("text/html") }), {
    tags: { hasAny: ["a", "b"] },
    language: { in: ["en"] },
    mediaType: { in: ["text/html"] },
  });
});

test("every declared type is compared by its own filter", () => {
  const filter = documentFilter(FIELDS, {
    "author.team": { kind: "values", values: ["Runtime"] },
    audience: { kind: "values", values: ["developers"] },
    pages: { kind: "range", from: "2", to: "10.5" },
    draft: { kind: "truth", value: false },
  });
  assert.deepEqual(filter, {
    metadata: [
      { path: "author.team", value: { string: { in: ["Runtime"] } } },
      { path: "audience", value: { stringList: { hasAny: ["developers"] } } },
      { path: "pages", value: { number: { gte: 2, lte: 10.5 } } },
      { path: "draft", value: { boolean: { eq: false } } },
    ],
  });
});

test("an open end of a range is left out, since the API refuses null", () => {
  const filter = documentFilter(FIELDS, { pages: { kind: "range", from: "", to: "3" } });
  assert.deepEqual(filter, { metadata: [{ path: "pages", value: { number: { lte: 3 } } }] });
});

test("a range of days takes its last day in wholly", () => {
  const filter = documentFilter(FIELDS, { published: { kind: "range", from: "2026-01-01", to: "2026-01-01" } });
  const { gte, lte } = filter?.metadata?.[0]?.value.dateTime ?? {};
  assert.equal(Date.parse(lte ?? "") - Date.parse(gte ?? ""), 24 * 60 * 60 * 1000 - 1);
});

test("a facet is counted without its own choice, so that another value can be added", () => {
  const choices = {
    tags: { kind: "values", values: ["a"] },
    "author.team": { kind: "values", values: ["Runtime"] },
  } as const;
  assert.deepEqual(documentFilter(FIELDS, choices, "author.team"), { tags: { hasAny: ["a"] } });
  assert.deepEqual(documentFilter(FIELDS, choices, "tags"), {
    metadata: [{ path: "author.team", value: { string: { in: ["Runtime"] } } }],
  });
});

test("a key that the knowledge base does not declare never reaches the API", () => {
  assert.equal(documentFilter([], { "author.team": { kind: "values", values: ["Runtime"] } }), undefined);
});
