import assert from "node:assert/strict";
import { test } from "node:test";
import { frames } from "./events.ts";

const STREAM = ':\n\nevent: next\nid: one\ndata: {"n":1}\n\n:\n\nevent: next\ndata: {"n":"two\\n\\nlines"}\n\nevent: complete\ndata:\n\n';
const WHOLE = [
  { event: "next", data: '{"n":1}' },
  { event: "next", data: '{"n":"two\\n\\nlines"}' },
  { event: "complete", data: "" },
];

async function framesOf(...pieces: string[]) {
  const source = (async function* () {
    yield* pieces;
  })();
  return collect(frames(source));
}

async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const all: Item[] = [];
  for await (const item of items) all.push(item);
  return all;
}

test("frames are read, and lines that keep the connection open are not", async () => {
  assert.deepEqual(await framesOf(STREAM), WHOLE);
});

test("it does not matter where the network cuts a stream", async () => {
  for (let at = 0; at <= STREAM.length; at += 1) {
    assert.deepEqual(await framesOf(STREAM.slice(0, at), STREAM.slice(at)), WHOLE, `cut at ${at}`);
  }
  assert.deepEqual(await framesOf(...STREAM), WHOLE, "character by character");
});

test("a frame that was cut off is none", async () => {
  assert.deepEqual(await framesOf('event: next\ndata: {"n":1}\n'), []);
});
