/** Every client against a live server: LOREBASE_URL, LOREBASE_KEY, and where to write. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { WebSocket } from "ws";
// @ts-expect-error: a plain script, shared with the browser's story.
import { cuttableProxy } from "../../web/browser/proxy.mjs";
import { followAnswer, NEW_ANSWER, step } from "../../web/src/lorebase/answers.ts";
import { followJob } from "../../web/src/lorebase/jobs.ts";
import { LorebaseError, request } from "../../web/src/lorebase/request.ts";
import { upload } from "../../web/src/lorebase/upload.ts";
import * as plain from "../../web/src/generated/operations.ts";
import * as apollo from "./apollo.ts";
import * as relay from "./relay.ts";
import * as urql from "./urql.ts";

globalThis.WebSocket ??= WebSocket as unknown as typeof globalThis.WebSocket; // Node.js has its own from 22 on.

const given = (name: string) => process.env[name] ?? assert.fail(`${name} is not set`);
const url = given("LOREBASE_URL");
const key = given("LOREBASE_KEY");
const workspaceId = given("LOREBASE_WORKSPACE");
const knowledgeBaseId = given("LOREBASE_KNOWLEDGE_BASE");

const connection = { url, key };
const MARK = `beacon-${Date.now()}`;
const QUESTION = `How often does the lamp of ${MARK} turn?`;
const searchInput = {
  knowledgeBaseIds: [knowledgeBaseId],
  query: QUESTION,
  filter: { document: { tags: { hasAny: [MARK] } } },
};
const askInput = { workspaceId, question: QUESTION, retrieval: { ...searchInput, query: "" } };

/** The endpoint behind a proxy that cuts the connection in the middle of the next answer. */
async function cutOnce(use: (url: string) => Promise<void>) {
  const proxy = await cuttableProxy(Number(new URL(url).port));
  try {
    proxy.cutAfter('"AnswerDelta"', 300);
    await use(`${proxy.origin}/graphql`);
    assert.equal(proxy.cuts, 1);
  } finally {
    await proxy.close();
  }
}

interface Event {
  readonly __typename: string;
  readonly cursor?: string;
  readonly offset?: number;
  readonly text?: string;
  readonly answer?: { readonly text?: string };
}

/** Reads a stream to its end: nothing twice, nothing missing, and the text is the one that was stored. */
async function assertWhole(events: AsyncIterable<unknown>, answerId: string) {
  const seen: Event[] = [];
  for await (const event of events) seen.push(event as Event);
  const cursors = seen.map(({ cursor }) => cursor);
  assert.equal(new Set(cursors).size, cursors.length, "an event came twice");
  const text = seen.filter((event) => event.__typename === "AnswerDelta").map((event) => event.text).join("");
  assert.equal(seen.at(-1)?.__typename, "AnswerCompleted");
  assert.equal(seen.at(-1)?.answer?.text, text);
  const { node } = await request(connection, plain.ShowAnswerDocument, { id: answerId });
  assert.ok(node && "retrieved" in node);
  assert.equal(node.text, text);
  assert.match(text, /twelve seconds/);
}

test("plain fetch uploads a file and follows its job", async () => {
  const file = new File([`# ${MARK}\n\nThe lamp of ${MARK} turns once every twelve seconds.`], `${MARK}.md`, {
    type: "text/markdown",
  });
  const variables = { knowledgeBaseId, file, externalId: file.name, tags: [MARK] };
  const { upsertDocument } = await upload(connection, plain.UploadDocumentDocument, variables);
  assert.deepEqual(upsertDocument.userErrors, []);
  assert.ok(upsertDocument.job);
  const kinds: string[] = [];
  for await (const event of followJob(connection, upsertDocument.job.id)) kinds.push(event.__typename);
  assert.equal(kinds.at(-1), "JobSucceeded");
  assert.ok(kinds.includes("JobProgressed"));
});

test("plain fetch throws what the server says", async () => {
  await assert.rejects(
    request({ url, key: "lb_wrong" }, plain.ViewerDocument, {}),
    (failure) => failure instanceof LorebaseError && failure.code === "UNAUTHENTICATED" && Boolean(failure.traceId),
  );
  const gone = { ...askInput, retrieval: { ...searchInput, query: "", knowledgeBaseIds: ["kb_none"] } };
  const { ask } = await request(connection, plain.AskQuestionDocument, { input: gone }).catch((failure: unknown) => {
    assert.ok(failure instanceof LorebaseError);
    return { ask: { userErrors: [{ code: failure.code }] } };
  });
  assert.equal(ask.userErrors[0]?.code, "NOT_FOUND");
});

test("plain fetch finds a passage under a filter", async () => {
  const { search } = await request(connection, plain.SearchDocument, { input: searchInput, first: 10 });
  assert.deepEqual(search.nodes.map((hit) => hit.chunk.documentVersion.document.externalId), [`${MARK}.md`]);
});

test("plain fetch goes on with an answer after its connection was cut", () =>
  cutOnce(async (endpoint) => {
    const { ask } = await request(connection, plain.AskQuestionDocument, { input: askInput });
    assert.ok(ask.answer);
    await assertWhole(followAnswer({ url: endpoint, key }, ask.answer.id), ask.answer.id);
  }));

test("the state that the example application shows is the stored answer", async () => {
  const { ask } = await request(connection, plain.AskQuestionDocument, { input: askInput });
  assert.ok(ask.answer);
  let state = NEW_ANSWER;
  for await (const event of followAnswer(connection, ask.answer.id)) state = step(state, event);
  assert.equal(state.status, "done");
  assert.equal(state.citations[0]?.quote, `The lamp of ${MARK} turns once every twelve seconds.`);
});

test("Apollo Client searches and pages", async () => {
  const client = apollo.createApolloClient(url, key);
  const hits = await apollo.search(client, searchInput);
  assert.deepEqual(hits.map((hit) => hit.chunk.documentVersion.document.externalId), [`${MARK}.md`]);
  const all = await idsOf(apollo.listDocuments(client, knowledgeBaseId));
  assert.ok(all.length > 2, "more than one page");
  assert.equal(new Set(all).size, all.length);
  client.stop();
});

test("Apollo Client goes on with an answer after its connection was cut", () =>
  cutOnce(async (endpoint) => {
    const client = apollo.createApolloClient(endpoint, key);
    const answerId = await apollo.ask(client, askInput);
    await assertWhole(apollo.followAnswer(client, answerId), answerId);
    client.stop();
  }));

test("urql searches", async () => {
  const hits = await urql.search(urql.createUrqlClient(url, key), searchInput);
  assert.deepEqual(hits.map((hit) => hit.chunk.documentVersion.document.externalId), [`${MARK}.md`]);
});

test("urql goes on with an answer after its connection was cut", () =>
  cutOnce(async (endpoint) => {
    const client = urql.createUrqlClient(endpoint, key);
    const answerId = await urql.ask(client, askInput);
    await assertWhole(urql.followAnswer(client, answerId), answerId);
  }));

test("Relay pages through the same documents as Apollo Client", async () => {
  const viaRelay = await idsOf(relay.listDocuments(relay.createRelayEnvironment(url, key), knowledgeBaseId));
  const viaApollo = await idsOf(apollo.listDocuments(apollo.createApolloClient(url, key), knowledgeBaseId));
  assert.deepEqual(viaRelay.toSorted(), viaApollo.toSorted());
});

test("Relay goes on with an answer after its connection was cut", () =>
  cutOnce(async (endpoint) => {
    const { ask } = await request(connection, plain.AskQuestionDocument, { input: askInput });
    assert.ok(ask.answer);
    const environment = relay.createRelayEnvironment(endpoint, key);
    await assertWhole(relay.followAnswer(environment, ask.answer.id), ask.answer.id);
  }));

async function idsOf(documents: AsyncIterable<{ readonly id: string }>): Promise<string[]> {
  const ids: string[] = [];
  for await (const { id } of documents) ids.push(id);
  return ids;
}
