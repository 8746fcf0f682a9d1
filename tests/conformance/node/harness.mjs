// What every suite shares: what it is pointed at, its checks, and the report it leaves.
// A suite runs as `node <suite>.mjs TARGET.json REPORT.json`; the target holds url, headers, folder, operations and more.
import fs from 'node:fs';

export const target = JSON.parse(fs.readFileSync(process.argv[2], 'utf8'));
export const operations = target.operations ?? {};
export const socketUrl = target.url?.replace(/^http/, 'ws');
const checks = [];

/** Runs one check and notes how it went. `level` is MUST, SHOULD or MAY; `timeout` is in milliseconds. */
export async function check(name, run, { timeout = 10_000, level = 'MUST' } = {}) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${timeout} ms`)), timeout);
  });
  try {
    const detail = await Promise.race([Promise.resolve().then(run), late]);
    note(name, level, true, detail ?? '');
  } catch (error) {
    note(name, level, false, error?.message ?? error);
  } finally {
    clearTimeout(timer);
  }
}

export function note(name, level, ok, detail) {
  const text = typeof detail === 'string' ? detail : JSON.stringify(detail);
  checks.push({ name, level, ok, detail: String(text).slice(0, 600) });
}

/** Writes the report and ends the process: clients keep sockets open for a while. */
export function finish() {
  fs.writeFileSync(process.argv[3], JSON.stringify({ checks }));
  process.exit(0);
}

export function assert(holds, message) {
  if (!holds) throw new Error(message ?? 'this does not hold');
}

/** The value at a dotted path. */
export function at(value, path) {
  return path.split('.').reduce((inner, key) => inner?.[key], value);
}

export const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Polls until the value is as expected; fails after the patience in milliseconds. */
export async function until(read, expected, patience = 5000) {
  const deadline = Date.now() + patience;
  for (;;) {
    const found = await read();
    if (found === expected) return;
    assert(Date.now() < deadline, `${found} instead of ${expected}`);
    await pause(20);
  }
}

/** Sends a GraphQL request as JSON. */
export async function post(body, headers = {}) {
  const accept = 'application/graphql-response+json, application/json;q=0.9';
  const response = await fetch(target.url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept, ...target.headers, ...headers },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  let json;
  try {
    json = JSON.parse(text);
  } catch {
    json = undefined; // The check that reads it says what came instead.
  }
  return { status: response.status, headers: response.headers, text, json };
}

/** How many subscriptions the server runs now, as the fixture schema counts them. */
export async function running() {
  return at((await post(operations.gauge)).json.data, operations.gauge.path);
}

/** Fails when the text holds what a server must keep to itself. */
export function assertNoLeak(seen, secret) {
  const text = JSON.stringify(seen);
  assert(!secret || !text.includes(secret), `it leaks: ${text}`);
  return text;
}
