// Builds the browser script, the ES modules and their types. `node build.mjs [folder]`; without a folder they go
// where the Python package ships them from. Prints what each weighs, and fails above its limit.
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { minify } from "terser";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const { version } = JSON.parse(readFileSync(here("package.json"), "utf8"));
const folder = process.argv[2] ?? here("../../src/allotment/sdk/browser");

mkdirSync(folder, { recursive: true });

/** By output: its source, its format, and what it may weigh, in bytes after gzip. */
const OUTPUTS = {
  "core.mjs": ["coreModule.ts", "esm", 5_000],
  "allotment.js": ["browser.ts", "iife", 5_000],
  "allotment.mjs": ["index.ts", "esm", 9_200],
  "clickThroughRate.mjs": ["instruments/clickThroughRate.ts", "esm", 1_000],
  "pageVisit.mjs": ["instruments/pageVisit.ts", "esm", 500],
  "sessionLength.mjs": ["instruments/sessionLength.ts", "esm", 500],
  "scrollDepth.mjs": ["instruments/scrollDepth.ts", "esm", 500],
  "formFunnel.mjs": ["instruments/formFunnel.ts", "esm", 700],
  "errorCount.mjs": ["instruments/errorCount.ts", "esm", 500],
  "testing.mjs": ["testing.ts", "esm", 1_000],
  "mediawiki.mjs": ["mediawiki.ts", "esm", 2_400],
  "serverTiming.mjs": ["serverTiming.ts", "esm", 1_000],
  "strict.mjs": ["strict.ts", "esm", 1_200],
};

/** What esbuild has bundled, in fewer bytes: it looks several times, and across functions. */
async function shortened(code, isModule) {
  const found = await minify(code, {
    ecma: 2020,
    module: isModule,
    toplevel: true,
    compress: { passes: 3, unsafe_arrows: true, unsafe_methods: true },
  });
  return found.code;
}

for (const [name, [source, format, limit]] of Object.entries(OUTPUTS)) {
  const bundle = await build({
    absWorkingDir: here("."),
    entryPoints: [`src/${source}`],
    write: false,
    format,
    bundle: true,
    minify: true,
    // What no page may touch: private members and those that are marked internal.
    mangleProps: /^_[a-z]/,
    charset: "utf8",
    target: ["es2022"],
    define: { __VERSION__: JSON.stringify(version) },
    legalComments: "none",
    logLevel: "warning",
  });
  const script = await shortened(bundle.outputFiles[0].text, format === "esm");
  // What is loaded beside one of the first three need not say again what it is.
  const banner = /^(core|allotment)/.test(name) ? `/*! Allotment ${version} | Apache-2.0 */\n` : "";
  const content = banner + script;
  writeFileSync(`${folder}/${name}`, content);
  const bytes = gzipSync(content, { level: 9 }).length;
  console.log(`${name}: ${bytes} bytes after gzip`);
  if (bytes > limit) {
    console.error(`${name} may weigh ${limit} bytes after gzip`);
    process.exitCode = 1;
  }
}

// The types lie in one folder as the sources do; each output has a file of types beside it.
rmSync(`${folder}/types`, { recursive: true, force: true });
const tsc = here("node_modules/typescript/bin/tsc");
execFileSync(process.execPath, [tsc, "-p", here("tsconfig.types.json"), "--outDir", `${folder}/types`], {
  stdio: "inherit",
});
for (const [name, [source]] of Object.entries(OUTPUTS)) {
  const types = `${folder}/${name.replace(/(m?)js$/, "d.$1ts")}`;
  writeFileSync(types, `export * from "./types/${source.replace(/ts$/, "js")}";\n`);
}
