import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// The browser speaks to one origin; Vite passes /graphql on, event streams too, so no CORS is needed.
const api = process.env.LOREBASE_URL ?? "http://127.0.0.1:8000";
const proxy = { "/graphql": { target: api, changeOrigin: true } };

export default defineConfig({
  plugins: [react()],
  server: { host: "127.0.0.1", proxy },
  preview: { host: "127.0.0.1", proxy },
});
