/**
 * What waits when the program ends. Where its work is done (`beforeExit`), the events are delivered
 * as ever. Where it ends at once (`process.exit()`, an uncaught error) nothing asynchronous runs any
 * more: a process of its own sends them then. A signal that nobody handles ends without either.
 */

import { spawnSync } from "node:child_process";

const SECONDS = 5;

/** Sends what stands on its standard input. Not through a shell, and with no argument but itself. */
const PROGRAM = `
let text = "";
for await (const part of process.stdin) text += part;
const { url, headers, batches } = JSON.parse(text);
for (const body of batches) {
  const { ok } = await fetch(url, { method: "POST", headers, body, redirect: "manual" });
  if (!ok) process.exitCode = 1;
}`;

/** What is to be delivered at the end. */
export interface Leaving {
  readonly pending: number;
  flush(seconds: number): Promise<boolean>;
  leftovers(): { url: string; headers: Record<string, string>; batches: string[] };
}

const living = new Set<Leaving>();
/** Those that had their time already: the program shall end. */
const tried = new WeakSet<Leaving>();

/** Delivers what waits there when the program ends; what is returned ends that. */
export function flushAtExit(delivery: Leaving): () => void {
  if (living.size === 0) {
    process.on("beforeExit", deliver);
    process.on("exit", sendApart);
  }
  living.add(delivery);
  return () => {
    living.delete(delivery);
    if (living.size === 0) {
      process.off("beforeExit", deliver);
      process.off("exit", sendApart);
    }
  };
}

function deliver(): void {
  for (const delivery of living) {
    if (tried.has(delivery)) continue;
    tried.add(delivery);
    void delivery.flush(SECONDS).then((done) => done && tried.delete(delivery));
  }
}

function sendApart(): void {
  for (const delivery of living) {
    // They had their time, and the intake did not answer.
    if (!delivery.pending || tried.has(delivery)) {
      lost(delivery);
      continue;
    }
    const { status } = spawnSync(process.execPath, ["--input-type=module", "-e", PROGRAM], {
      input: JSON.stringify(delivery.leftovers()),
      stdio: ["pipe", "ignore", "ignore"],
      timeout: SECONDS * 1_000,
      env: { ...process.env, NODE_OPTIONS: "" },
    });
    if (status !== 0) lost(delivery);
  }
}

function lost({ pending }: Leaving): void {
  if (pending) {
    console.warn(`[allotment] ${pending} events are lost: the program ended before the intake had them`);
  }
}
