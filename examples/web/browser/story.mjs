// Walks through the built application in Chromium and prints what was seen, as JSON.
// Reads from standard input: {api, key, knowledgeBase, files: [{name, text}], tag, query, picks, question,
// scheme, browser, screenshots?}. The browser speaks through a small TCP proxy, which this story cuts in the
// middle of the answer. Exits with 1 when a step fails; the JSON then has `failure`.
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { preview } from "vite";
import { cuttableProxy } from "./proxy.mjs";

const STEP_MS = 30_000;
const OUTAGE_MS = 1500;
const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"];

const story = JSON.parse(readFileSync(0, "utf8"));
const seen = { consoleErrors: [], pageErrors: [], foreignRequests: [], stages: [], texts: [], steps: [] };

async function serve() {
  const target = new URL(story.api).origin;
  const proxy = { "/graphql": { target, changeOrigin: true } };
  const preferred = { host: "127.0.0.1", port: 0, strictPort: false, proxy };
  return preview({ root: join(import.meta.dirname, ".."), configFile: false, logLevel: "silent", preview: preferred });
}

function watch(page, origin) {
  page.on("console", (message) => message.type() === "error" && seen.consoleErrors.push(message.text()));
  page.on("pageerror", (error) => seen.pageErrors.push(String(error)));
  page.on("request", (request) => {
    if (new URL(request.url()).origin !== origin && !request.url().startsWith("data:"))
      seen.foreignRequests.push(request.url());
  });
}

async function shoot(page, name) {
  seen.steps.push(name);
  if (!story.screenshots) return;
  mkdirSync(story.screenshots, { recursive: true });
  await page.screenshot({ path: join(story.screenshots, `web-${story.scheme}-${name}.png`) });
}

async function connect(page, origin) {
  await page.goto(origin);
  await page.getByLabel("API key").fill("lb_wrong");
  await page.getByRole("button", { name: "Connect" }).click();
  seen.refusal = await page.getByRole("alert").innerText();
  await shoot(page, "1-refused");
  await page.getByLabel("API key").fill(story.key);
  await page.keyboard.press("Enter");
  await page.getByLabel("Knowledge base").selectOption({ label: story.knowledgeBase });
}

/** Notes every stage that a row of an upload goes through. */
const noteStages = () => {
  window.stages = new Set();
  const look = () =>
    document.querySelectorAll(".stages [data-state=now]").forEach((item) => window.stages.add(item.textContent));
  new MutationObserver(look).observe(document.body, { subtree: true, childList: true, attributes: true });
};

async function upload(page) {
  await page.evaluate(noteStages);
  await page.getByLabel("Tags").fill(story.tag);
  const files = story.files.map(({ name, text }) => ({ name, mimeType: "text/markdown", buffer: Buffer.from(text) }));
  await page.getByLabel("Files").setInputFiles(files);
  const rows = page.getByRole("list", { name: "Uploads" }).locator(".upload");
  for (const { name } of story.files)
    await rows.filter({ hasText: name }).getByText("Ready to search").waitFor({ timeout: STEP_MS });
  await page.getByRole("cell", { name: "Ready" }).first().waitFor({ timeout: STEP_MS });
  seen.stages = await page.evaluate(() => [...window.stages]);
  await shoot(page, "2-documents");
}

async function search(page) {
  await page.getByRole("link", { name: "Search" }).click();
  await page.getByLabel("Search the documents").fill(story.query);
  await page.keyboard.press("Enter");
  await page.locator(".hit").first().waitFor({ timeout: STEP_MS });
  seen.unfiltered = await page.locator(".hit h2").allInnerTexts();
  seen.filters = await page.locator(".filters legend").allInnerTexts();
  for (const pick of story.picks) {
    const panel = page.getByRole("group", { name: pick.heading, exact: true });
    if (pick.value) await panel.getByLabel(pick.value).check();
    if (pick.from) await panel.getByLabel(`${pick.heading} from`).fill(pick.from);
    if (pick.yes !== undefined) await panel.getByRole("combobox").selectOption(String(pick.yes));
  }
  await page.locator(".results[aria-busy=false]").waitFor({ timeout: STEP_MS });
  await page.waitForFunction((before) => document.querySelectorAll(".hit").length < before, seen.unfiltered.length);
  seen.filtered = await page.locator(".hit h2").allInnerTexts();
  seen.marked = await page.locator(".hit mark").allInnerTexts();
  await shoot(page, "3-search");
}

/** Notes every text that the answer shows, one after the other. */
const noteTexts = () => {
  window.texts = [];
  const look = () => {
    const text = document.querySelector(".answer-text")?.textContent;
    if (text && text !== window.texts.at(-1)) window.texts.push(text);
  };
  new MutationObserver(look).observe(document.body, { subtree: true, childList: true, characterData: true });
};

async function ask(page, proxy) {
  await page.getByRole("link", { name: "Ask" }).click();
  await shoot(page, "4-empty");
  await page.evaluate(noteTexts);
  proxy.cutWithin('"AnswerDelta"', OUTAGE_MS);
  await page.getByLabel("Your question").fill(story.question);
  await page.keyboard.press("Enter");
  await page.getByText("Reconnecting…").waitFor({ timeout: STEP_MS });
  seen.textWhenCut = await page.locator(".answer-text").innerText();
  await shoot(page, "5-reconnecting");
  const answer = page.locator(".answer[data-status=done]");
  await answer.waitFor({ timeout: STEP_MS });
  seen.answerId = await answer.getAttribute("data-answer");
  seen.text = await page.locator(".answer-text").textContent();
  seen.texts = await page.evaluate(() => window.texts);
  seen.cuts = proxy.cuts;
  seen.resumedWith = proxy.lastEventIds;
  await shoot(page, "6-answer");
}

async function openQuote(page) {
  await page.getByRole("button", { name: "Source 1" }).first().click();
  const dialog = page.getByRole("dialog");
  await dialog.locator("mark").waitFor({ timeout: STEP_MS });
  seen.quote = (await dialog.locator("mark").allInnerTexts()).join("");
  seen.quoteTitle = await dialog.getByRole("heading").innerText();
  seen.quoteInView = await dialog.locator("mark").first().evaluate((mark) => {
    const { top, bottom } = mark.getBoundingClientRect();
    return top >= 0 && bottom <= innerHeight;
  });
  await shoot(page, "7-quote");
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "hidden" });
}

async function reload(page) {
  await page.reload(); // The key is still there in this tab; it is in no store that outlives it.
  await page.getByRole("navigation").waitFor({ timeout: STEP_MS });
  seen.localStorage = await page.evaluate(() => JSON.stringify({ ...localStorage }));
  await page.setViewportSize({ width: 390, height: 800 });
  await page.getByRole("link", { name: "Documents" }).click();
  await page.getByRole("table").waitFor({ timeout: STEP_MS });
  seen.overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  await shoot(page, "8-narrow");
  await page.getByRole("button", { name: "Disconnect" }).click();
  seen.sessionStorage = await page.evaluate(() => JSON.stringify({ ...sessionStorage }));
}

const server = await serve();
const { port } = server.httpServer.address();
const proxy = await cuttableProxy(port);
const browser = await chromium.launch({ executablePath: story.browser, headless: true, args: FLAGS });
let page;
try {
  page = await browser.newPage({ colorScheme: story.scheme, viewport: { width: 1280, height: 820 } });
  page.setDefaultTimeout(STEP_MS);
  watch(page, proxy.origin);
  await connect(page, proxy.origin);
  await upload(page);
  await search(page);
  await ask(page, proxy);
  await openQuote(page);
  await reload(page);
} catch (error) {
  seen.failure = String(error);
  if (page) await shoot(page, "failure");
  process.exitCode = 1;
} finally {
  await browser.close();
  await proxy.close();
  await server.close();
}
console.log(JSON.stringify(seen, null, 2));
