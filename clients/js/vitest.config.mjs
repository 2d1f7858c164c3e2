import { readFileSync } from "node:fs";
import { defineConfig } from "vitest/config";

const { version } = JSON.parse(readFileSync(new URL("package.json", import.meta.url), "utf8"));

export default defineConfig({
  define: { __VERSION__: JSON.stringify(version) },
  // The vectors lie at the root of the repository, one copy for every language.
  server: { fs: { allow: ["../.."] } },
  test: {
    include: ["tests/**/*.test.ts"],
    environment: "node",
    setupFiles: ["tests/setup.mjs"],
    // Some start servers and programs, on a machine that may have much else to do.
    testTimeout: 30_000,
  },
});
