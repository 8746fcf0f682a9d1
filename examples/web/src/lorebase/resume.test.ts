import assert from "node:assert/strict";
import { test } from "node:test";
import { resumed } from "./resume.ts";

interface Event {
  __typename: string;
  cursor: string;
}

const STREAM: Event[] = ["a", "b", "c", "d"].map((cursor) => ({ __typename: "AnswerDelta", cursor }));
STREAM.push({ __typename: "AnswerCompleted", cursor: "end" });

const DROP = new Error("dropped");
const isTransient = (failure: unknown) => failure === DROP;
const delay = () => 0;

/** A server that sends what follows a cursor, and drops the connection after so many events. */
function server(drops: number[]) {
  const opened: (string | undefined)[] = [];
  const open = async function* (after: string | undefined) {
    opened.push(after);
    const rest = STREAM.slice(STREAM.findIndex(({ cursor }) => cursor === after) + 1);
    const drop = drops.shift();
    yield* rest.slice(0, drop);
    if (drop !== undefined && drop < rest.length) throw DROP;
  };
  return { open, opened };
}

async function cursorsOf(events: AsyncIterable<Event>): Promise<string[]> {
  const seen: string[] = [];
  for await (const { cursor } of events) seen.push(cursor);
  return seen;
}

test("every event comes once, wherever and however often the connection drops", async () => {
  const whole = STREAM.map(({ cursor }) => cursor);
  for (const drops of [[], [0], [1], [2, 1], [0, 0, 3], [1, 1, 1, 1], [4]]) {
    assert.deepEqual(await cursorsOf(resumed(server([...drops]).open, { isTransient, delay })), whole, `${drops}`);
  }
});

test("a new connection begins after the last event seen", async () => {
  const { open, opened } = server([2, 0]);
  await cursorsOf(resumed(open, { isTransient, delay }));
  assert.deepEqual(opened, [undefined, "b", "b"]);
});

test("a failure that another try cannot mend is thrown at once", async () => {
  const refusal = new Error("refused");
  const open = async function* (): AsyncGenerator<Event> {
    throw refusal;
  };
  await assert.rejects(cursorsOf(resumed(open, { isTransient, delay })), refusal);
});

test("the reader is told when the connection is lost and when it is back", async () => {
  const states: string[] = [];
  const onConnection = (state: string) => void (states.at(-1) === state || states.push(state));
  await cursorsOf(resumed(server([1, 2]).open, { isTransient, delay, onConnection }));
  assert.deepEqual(states, ["open", "reconnecting", "open", "reconnecting", "open"]);
});

test("tries are counted from the last event, so that an old outage does not slow down a new one", async () => {
  const attempts: number[] = [];
  const counted = (attempt: number) => (attempts.push(attempt), 0);
  await cursorsOf(resumed(server([0, 0, 1, 0]).open, { isTransient, delay: counted }));
  assert.deepEqual(attempts, [1, 2, 1, 2]);
});

test("whoever stops reading is not connected again", async () => {
  const stop = new AbortController();
  const { open, opened } = server([0, 0, 0]);
  const onConnection = () => stop.abort();
  assert.deepEqual(await cursorsOf(resumed(open, { isTransient, delay, onConnection, signal: stop.signal })), []);
  assert.deepEqual(opened, [undefined]);
});
