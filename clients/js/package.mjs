// Builds what an npm package of the client holds: the browser's files, and the modules for Node and OpenFeature.
// `node package.mjs [folder]`; without a folder `dist`, as `npm pack` does.
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const { version, peerDependencies } = JSON.parse(readFileSync(here("package.json"), "utf8"));
const folder = process.argv[2] ?? here("dist");

/** By output: its source, and where it runs. */
const OUTPUTS = {
  "node.mjs": ["node.ts", "node"],
  "nodeTesting.mjs": ["nodeTesting.ts", "node"],
  "openfeatureServer.mjs": ["openfeature/server.ts", "node"],
  "openfeatureWeb.mjs": ["openfeature/web.ts", "browser"],
};

rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
execFileSync(process.execPath, [here("build.mjs"), folder], { stdio: "inherit" });

for (const [name, [source, platform]] of Object.entries(OUTPUTS)) {
  await build({
    absWorkingDir: here("."),
    entryPoints: [`src/${source}`],
    outfile: `${folder}/${name}`,
    platform,
    format: "esm",
    bundle: true,
    external: Object.keys(peerDependencies),
    charset: "utf8",
    target: ["es2022", "node18"],
    define: { __VERSION__: JSON.stringify(version) },
    banner: { js: `/*! Allotment ${version} | Apache-2.0 */` },
    legalComments: "none",
    logLevel: "warning",
  });
}

// Beside the types that the browser's build made: those of Node, which a page knows nothing of.
const tsc = here("node_modules/typescript/bin/tsc");
execFileSync(process.execPath, [tsc, "-p", here("tsconfig.package.json"), "--outDir", `${folder}/types`], {
  stdio: "inherit",
});
for (const [name, [source]] of Object.entries(OUTPUTS)) {
  const types = `${folder}/${name.replace(/mjs$/, "d.mts")}`;
  writeFileSync(types, `export * from "./types/${source.replace(/ts$/, "js")}";\n`);
}
