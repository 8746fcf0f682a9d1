import assert from "node:assert/strict";
import { test } from "node:test";
import { connectionParams, operationOf, webSocketUrl } from "./fetcher.js";

test("only the Authorization header goes into connection_init, whatever its case", () => {
  assert.deepEqual(connectionParams({ AUTHORIZATION: "Bearer k", "X-Other": "1" }), { authorization: "Bearer k" });
  assert.equal(connectionParams({ "X-Other": "1" }), undefined);
  assert.equal(connectionParams(undefined), undefined);
});

test("a secure page has a secure socket", () => {
  assert.equal(webSocketUrl("http://127.0.0.1:8000/graphql"), "ws://127.0.0.1:8000/graphql");
  assert.equal(webSocketUrl("https://a.example/graphql"), "wss://a.example/graphql");
});

test("an old operation name gives way to the only operation of the text", () => {
  assert.equal(operationOf("subscription New { a }", "Old").operation, "subscription");
  assert.equal(operationOf("query A { a } subscription B { b }", "B").operation, "subscription");
  assert.equal(operationOf("{ a }", undefined).operation, "query");
});

test("what cannot be told is left to the server", () => {
  assert.equal(operationOf("query A { a } query B { b }", "Old"), undefined);
  assert.equal(operationOf("query {", "A"), undefined);
  assert.equal(operationOf("fragment F on T { a }", undefined), undefined);
});
