import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { test } from "node:test";
import { cuttableProxy, shortened } from "./proxy.mjs";

const event = (text) =>
  `id: c2\nevent: next\ndata: {"data":{"answerEvents":{"__typename":"AnswerDelta","cursor":"c2","text":${JSON.stringify(text)},"offset":0}}}\n\n`;
const dataOf = (frame) => JSON.parse(/^data: (.*)$/m.exec(frame)[1]).data.answerEvents;

test("an event keeps the first word of its text and its length, and does not say where it ends", () => {
  for (const text of ["The lamp turns.", 'Say "no" \\ now', " A lamp", "Größe zählt. 灯 亮"]) {
    const whole = Buffer.from(event(text)).toString("latin1");
    const part = shortened(whole);
    const shown = dataOf(Buffer.from(part, "latin1").toString());
    assert.equal(part.length, whole.length);
    assert.ok(shown.text.length > 0 && shown.text.length < text.length && text.startsWith(shown.text));
    assert.equal(shown.cursor, undefined);
    assert.ok(!/^id:/m.test(part));
  }
});

test("an event of one word, and one without a text, stay whole", () => {
  for (const whole of [event("Lamp"), event(""), 'id: c1\ndata: {"data":{}}\n\n']) assert.equal(shortened(whole), whole);
});

for (const [cut, arrives] of [
  ["cutAfter", "The lamp turns."],
  ["cutWithin", "The"],
])
  test(`${cut} lets through "${arrives}" and nothing of what follows`, async (t) => {
    const first = 'id: c1\ndata: {"data":{"answerEvents":{"__typename":"AnswerStarted"}}}\n\n';
    const server = createServer((socket) => {
      socket.on("error", () => {});
      socket.write(first + event("The lamp turns.") + event("It shines."));
    });
    t.after(() => server.close());
    await once(server.listen(0, "127.0.0.1"), "listening");
    const proxy = await cuttableProxy(server.address().port);
    t.after(() => proxy.close());
    proxy[cut]('"AnswerDelta"', 0);
    const client = connect(new URL(proxy.origin).port, "127.0.0.1");
    const pieces = [];
    // That the connection is reset is what is meant to happen.
    client.on("data", (piece) => pieces.push(piece)).on("error", () => {});
    await new Promise((resolve) => client.on("close", resolve));
    const seen = Buffer.concat(pieces).toString();
    assert.ok(seen.startsWith(first));
    assert.equal(dataOf(seen.slice(first.length)).text, arrives);
    assert.ok(!seen.includes("shines"));
    assert.equal(proxy.cuts, 1);
  });
