// Bundles the page, its workers and its fonts into the folder given, with hashed names and a manifest.
import { build } from "esbuild";
import { mkdir, readFile, readdir, rename, rm, writeFile } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { gzipSync } from "node:zlib";

const here = import.meta.dirname ?? new URL(".", import.meta.url).pathname;
const target = resolve(process.argv[2] ?? join(here, "..", "src/lorebase/api/static/graphiql"));
const stage = `${target}.new`;

const COMMON = {
  absWorkingDir: here,
  bundle: true,
  minify: true,
  target: "es2022",
  outdir: stage,
  metafile: true,
  legalComments: "linked",
  logLevel: "warning",
  define: { "process.env.NODE_ENV": '"production"' },
};

const WORKERS = {
  EDITOR_WORKER: "monaco-editor/esm/vs/editor/editor.worker.js",
  GRAPHQL_WORKER: "monaco-graphql/esm/graphql.worker.js",
  JSON_WORKER: "monaco-editor/esm/vs/language/json/json.worker.js",
};

function outputOf(result, entryPoint) {
  const [name, output] = Object.entries(result.metafile.outputs).find(([, found]) => found.entryPoint === entryPoint);
  return { script: basename(name), style: output.cssBundle && basename(output.cssBundle) };
}

async function bundleWorker([constant, module]) {
  const result = await build({
    ...COMMON,
    entryPoints: { [basename(module, ".js")]: module },
    entryNames: "[name]-[hash]",
    format: "iife",
  });
  return [constant, JSON.stringify(`./${outputOf(result, `node_modules/${module}`).script}`)];
}

async function bundlePage(constants) {
  const result = await build({
    ...COMMON,
    entryPoints: { graphiql: "src/main.jsx" },
    entryNames: "[name]-[hash]",
    chunkNames: "chunk-[hash]",
    assetNames: "[name]-[hash]",
    format: "esm",
    splitting: true,
    jsx: "automatic",
    define: { ...COMMON.define, ...constants },
    loader: { ".ttf": "file", ".woff2": "file" },
  });
  return outputOf(result, "src/main.jsx");
}

async function compressAll() {
  for (const name of await readdir(stage)) {
    const compressed = gzipSync(await readFile(join(stage, name)), { level: 9 });
    await writeFile(join(stage, `${name}.gz`), compressed);
  }
}

await rm(stage, { recursive: true, force: true });
await mkdir(stage, { recursive: true });
const constants = Object.fromEntries(await Promise.all(Object.entries(WORKERS).map(bundleWorker)));
const page = await bundlePage(constants);
const files = (await readdir(stage)).sort();
await compressAll();
await writeFile(join(stage, "manifest.json"), JSON.stringify({ ...page, files }, null, 2));
// The finished folder takes the old one's place at once, so that no reader sees half a bundle.
await rm(target, { recursive: true, force: true });
await rename(stage, target);
console.log(`GraphiQL bundled: ${files.length} files in ${target}`);
