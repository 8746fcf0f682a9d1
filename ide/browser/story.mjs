// Opens GraphiQL in Chromium, clicks through operations and prints what was seen, as JSON.
// Reads from standard input: {url, browser, screenshots, scheme, runs: [{tab, variables?, capture?, expect?}]}.
//   `expect`: texts that the response must show; `capture`: {name: "data.path"} of values that later
//   `variables` use as "${name}". Exits with 1 when a step fails; the JSON then has `failure`.
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";

const STEP_MS = 30_000;
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

const story = JSON.parse(readFileSync(0, "utf8"));
const seen = { violations: [], consoleErrors: [], pageErrors: [], foreignRequests: [], tabs: [], runs: [] };
const captured = {};

function watch(page) {
  const origin = new URL(story.url).host;
  page.on("console", (message) => message.type() === "error" && seen.consoleErrors.push(message.text()));
  page.on("pageerror", (error) => seen.pageErrors.push(String(error)));
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (url.protocol !== "data:" && url.host !== origin) seen.foreignRequests.push(request.url());
  });
  return page.exposeFunction("reportViolation", (text) => seen.violations.push(text)).then(() =>
    page.addInitScript(() => {
      document.addEventListener("securitypolicyviolation", (event) =>
        window.reportViolation(`${event.violatedDirective} ${event.blockedURI}`),
      );
    }),
  );
}

const fill = (value) =>
  JSON.parse(JSON.stringify(value).replace(/\$\{(\w+)\}/g, (text, name) => captured[name] ?? text));

const modelText = (page, name) =>
  page.evaluate((suffix) => {
    const models = globalThis.__MONACO?.editor.getModels() ?? [];
    return models.find((model) => model.uri.path.endsWith(suffix))?.getValue() ?? "";
  }, name);

const shownResponse = async (page) =>
  (await page.locator(".graphiql-response .view-lines").innerText()).replaceAll("\u00a0", " ");

const pick = (value, path) => path.split(".").reduce((found, name) => found?.[name], value);

async function setVariables(page, variables) {
  await page.evaluate(
    ([suffix, text]) =>
      globalThis.__MONACO.editor
        .getModels()
        .find((model) => model.uri.path.endsWith(suffix))
        .setValue(text),
    ["variables.json", JSON.stringify(variables, null, 2)],
  );
}

/** The editor draws some time after its text has changed: whether the lines on the screen are lines of the text. */
const isDrawn = (shown, text) =>
  shown.trim() !== "" && shown.split("\n").every((line) => text.includes(line.trim()));

async function runTab(page, run) {
  await page.locator(".graphiql-tab-button").and(page.getByTitle(run.tab, { exact: true })).click();
  if (run.variables) await setVariables(page, fill(run.variables));
  await page.locator(".graphiql-execute-button").click();
  const started = Date.now();
  for (;;) {
    // The text is read last: of a stream it is then never older than what was shown.
    const shown = await shownResponse(page);
    const text = await modelText(page, "response.json");
    const expected = (run.expect ?? []).every((part) => shown.includes(part) || text.includes(part));
    if (text && expected && isDrawn(shown, text)) {
      for (const [name, path] of Object.entries(run.capture ?? {})) captured[name] = pick(JSON.parse(text), path);
      seen.runs.push({ tab: run.tab, response: text, shown });
      return;
    }
    if (Date.now() - started > STEP_MS) throw new Error(`${run.tab} showed: ${text || "nothing"}`);
    await page.waitForTimeout(100);
  }
}

async function open(page) {
  await page.goto(story.url, { waitUntil: "load" });
  await page.locator(".graphiql-execute-button").waitFor({ timeout: STEP_MS });
  await page.locator(".graphiql-query-editor .view-lines").waitFor({ timeout: STEP_MS });
  seen.tabs = await page.getByRole("tab").allInnerTexts();
  seen.headers = await modelText(page, "request-headers.json");
}

async function readDocumentation(page) {
  await page.getByRole("button", { name: /documentation explorer/i }).click();
  await page.locator(".graphiql-doc-explorer-content").waitFor({ timeout: STEP_MS });
  await page.getByText("Root Types", { exact: false }).waitFor({ timeout: STEP_MS });
  seen.documentation = await page.locator(".graphiql-doc-explorer").innerText();
}

async function shoot(page, name) {
  if (!story.screenshots) return;
  mkdirSync(story.screenshots, { recursive: true });
  await page.screenshot({ path: join(story.screenshots, `${story.scheme}-${name}.png`) });
}

const browser = await chromium.launch({ executablePath: story.browser, headless: true, args: FLAGS });
try {
  const page = await browser.newPage({ colorScheme: story.scheme, viewport: { width: 1400, height: 850 } });
  await watch(page);
  await open(page);
  await shoot(page, "opened");
  for (const [index, run] of (story.runs ?? []).entries()) {
    await runTab(page, run);
    await shoot(page, `${index + 1}-${run.tab}`);
  }
  await readDocumentation(page);
  seen.workers = page.workers().map((worker) => new URL(worker.url()).pathname);
  await shoot(page, "documentation");
  await open(page); // A second visit must find the key again, which is kept nowhere.
  seen.storage = await page.evaluate(() => JSON.stringify({ ...localStorage }));
} catch (error) {
  seen.failure = String(error);
  process.exitCode = 1;
} finally {
  await browser.close();
}
console.log(JSON.stringify(seen, null, 2));
