import { transformAsync } from "@babel/core";
import { defineConfig, type Plugin } from "vite";

/** Puts the compiled artifact in the place of every graphql`…` tag, as Relay's own Babel plugin does it. */
const relay: Plugin = {
  name: "relay",
  enforce: "pre",
  async transform(code, id) {
    if (!id.endsWith("relay.ts")) return null;
    const plugins = [["relay", { eagerEsModules: true }]];
    const done = await transformAsync(code, { filename: id, babelrc: false, plugins, parserOpts: { plugins: ["typescript"] } });
    return { code: done?.code ?? code, map: null };
  },
};

export default defineConfig({
  plugins: [relay],
  build: {
    ssr: true,
    outDir: "build",
    rolldownOptions: { input: ["src/live.ts"] },
  },
});
