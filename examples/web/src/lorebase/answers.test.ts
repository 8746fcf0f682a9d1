import assert from "node:assert/strict";
import { test } from "node:test";
import { NEW_ANSWER, step, type AnswerEvent } from "./answers.ts";
import { cut, marked, withDelta } from "./text.ts";

const base = { cursor: "c", sequence: 1, occurredAt: "2026-01-01T00:00:00.000Z" };
const delta = (offset: number, text: string): AnswerEvent => ({ ...base, __typename: "AnswerDelta", offset, text, parts: 1 });
const textOf = (events: AnswerEvent[]) => events.reduce(step, NEW_ANSWER).text;

test("deltas make up the text", () => {
  assert.equal(textOf([delta(0, "Call "), delta(5, "cancel().")]), "Call cancel().");
});

test("a delta that comes twice changes nothing", () => {
  const events = [delta(0, "Call "), delta(5, "cancel()"), delta(5, "cancel()"), delta(13, ".")];
  assert.equal(textOf(events), "Call cancel().");
});

test("offsets count code points, so a text with emoji stays whole", () => {
  assert.equal(textOf([delta(0, "🙂🙂 "), delta(3, "yes"), delta(3, "yes")]), "🙂🙂 yes");
});

test("a reset drops the text and takes the snapshot", () => {
  const snapshot = { id: "ans", status: "GENERATING", text: "Anew", finishReason: null, support: null, citations: [] } as const;
  const events: AnswerEvent[] = [delta(0, "Old words"), { ...base, __typename: "StreamReset", snapshot }, delta(4, " begun")];
  assert.equal(textOf(events), "Anew begun");
});

test("an event of a later version of the API changes nothing", () => {
  const unknown = { ...base, __typename: "AnswerSighed" } as unknown as AnswerEvent;
  assert.equal(textOf([delta(0, "Still"), unknown]), "Still");
});

test("texts are cut and marked by code points", () => {
  assert.equal(cut("a🙂b", 1, 2), "🙂");
  assert.equal(withDelta("🙂old", 1, "new"), "🙂new");
  assert.deepEqual(marked("a🙂bc", [{ start: 1, end: 2 }]), [
    { text: "a", marked: false },
    { text: "🙂", marked: true },
    { text: "bc", marked: false },
  ]);
});

test("ranges that touch or overlap make one mark", () => {
  assert.deepEqual(marked("abcd", [{ start: 0, end: 2 }, { start: 1, end: 3 }]), [
    { text: "abc", marked: true },
    { text: "d", marked: false },
  ]);
});
