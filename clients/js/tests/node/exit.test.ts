/** What becomes of events when a program ends: real programs, each in a process of its own. */

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { Intake, Registry } from "./servers.js";

let folder: string;
let count = 0;
let registry: Registry;
let intake: Intake;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "allotment-"));
  await build({
    entryPoints: [join(__dirname, "../../src/node.ts")],
    outfile: join(folder, "node.mjs"),
    platform: "node",
    format: "esm",
    bundle: true,
    define: { __VERSION__: '"0.1.0"' },
  });
});
afterAll(() => rmSync(folder, { recursive: true }));

beforeEach(async () => {
  registry = await new Registry().open();
  intake = await new Intake().open();
});
afterEach(async () => {
  await Promise.all([registry.close(), intake.close()]);
});

/** Runs a program whose `visitor` can send; how it ended, and how long it took. */
async function program(text: string): Promise<{ code: number | null; errors: string; ms: number }> {
  const begin = Date.now();
  const file = join(folder, `program${++count}.mjs`);
  writeFileSync(
    file,
    `import { Client, WEB_SCHEMA } from "./node.mjs";
     const client = new Client(${JSON.stringify({ registryUrl: registry.origin, intakeUrl: intake.url, site: "s" })});
     await client.configuration.wait(5);
     const visitor = client.visitor({ browserId: "b1" });
     const click = (number) =>
       visitor.submitInteraction("product_metrics.web_base", WEB_SCHEMA, "click", { number });
     ${text}`,
  );
  const child = spawn(process.execPath, [file], {
    stdio: ["ignore", "ignore", "pipe"],
    timeout: 20_000,
  });
  let errors = "";
  child.stderr.on("data", (part) => (errors += part));
  const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
  return { code, errors, ms: Date.now() - begin };
}

const numbers = (): unknown[] => intake.events.map(({ number }) => number);

describe("a program that ends", () => {
  it("with its work done: what waits is delivered, and nothing else holds it", async () => {
    const { code, errors, ms } = await program("for (let n = 0; n < 250; n++) click(n);");
    expect([code, errors]).toEqual([0, ""]);
    expect(numbers()).toEqual([...Array(250).keys()]);
    expect(ms).toBeLessThan(15_000);
    const agents = intake.requests.map(({ headers }) => headers["user-agent"]);
    expect(new Set(agents), "by itself, not by a second process").toEqual(new Set(["allotment-node"]));
  });

  it("without having sent anything: at once", async () => {
    expect(await program("")).toMatchObject({ code: 0, errors: "" });
    expect(intake.requests).toHaveLength(0);
  });

  it.each([
    ["by process.exit", "for (let n = 0; n < 250; n++) click(n); process.exit(7);", 7],
    ["by an error", "for (let n = 0; n < 250; n++) click(n); throw new Error('own');", 1],
  ])("%s: what waits is delivered", async (_, text, expected) => {
    const { code } = await program(text);
    expect(code).toBe(expected);
    expect(numbers()).toEqual([...Array(250).keys()]);
  });

  it("while the intake is down: it tries for seconds, not for ever, and says what is lost", async () => {
    await intake.close();
    const ends = ["click(1);", "click(1); process.exit(0);"];
    for (const { code, errors, ms } of await Promise.all(ends.map(program))) {
      expect(code).toBe(0);
      expect(errors).toMatch(/1 events are lost: the program ended before the intake had them/);
      expect(ms).toBeLessThan(15_000);
    }
  }, 30_000);

  it("after close: nothing is left to do", async () => {
    const { code, errors } = await program("click(1); await client.close(); click(2);");
    expect([code, numbers()]).toEqual([0, [1]]);
    expect(errors).toMatch(/the client is closed/);
  });
});
