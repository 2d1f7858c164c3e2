// Builds the browser script and the ES module. `node build.mjs [folder]`; without a folder they go
// where the Python package ships them from.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const { version } = JSON.parse(readFileSync(here("package.json"), "utf8"));
const folder = process.argv[2] ?? here("../../src/allotment/sdk/browser");

const common = {
  absWorkingDir: here("."),
  bundle: true,
  minify: true,
  charset: "utf8",
  target: ["es2020"],
  define: { __VERSION__: JSON.stringify(version) },
  banner: { js: `/*! Allotment ${version} | Apache-2.0 */` },
  legalComments: "none",
  logLevel: "warning",
};

await build({
  ...common,
  entryPoints: ["src/browser.ts"],
  format: "iife",
  outfile: `${folder}/allotment.js`,
});
await build({
  ...common,
  entryPoints: ["src/index.ts"],
  format: "esm",
  outfile: `${folder}/allotment.mjs`,
});
