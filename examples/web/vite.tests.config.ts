import { readdirSync } from "node:fs";
import { defineConfig } from "vite";

// Builds the tests for Node's own runner.
const tests = readdirSync("src", { recursive: true }).map(String).filter((name) => name.endsWith(".test.ts"));

export default defineConfig({
  build: {
    ssr: true,
    outDir: "build",
    rolldownOptions: { input: tests.map((name) => `src/${name}`) },
  },
});
