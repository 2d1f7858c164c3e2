/** One HTTP question. Redirects are not followed: what the site trusts is the address it was given. */

/** An answer longer than this is an error: a site must not be filled up by its registry. */
const MAX_ANSWER_BYTES = 32 * 1024 * 1024;

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
}

/** @throws RangeError when a text is no address of a server that speaks HTTP */
export function address(text: string): URL {
  try {
    const url = new URL(text);
    if (/^https?:$/.test(url.protocol) && url.hostname) return url;
  } catch {
    // Told below.
  }
  throw new RangeError(`'${text}' is no address; give one such as http://127.0.0.1:8000`);
}

/**
 * Asks once.
 *
 * @throws Error when no usable answer came in time; the message says what happened and with whom
 */
export async function ask(url: URL, init: RequestInit, seconds: number): Promise<Answer> {
  try {
    const answer = await fetch(url, {
      ...init,
      headers: { "User-Agent": "allotment-node", ...init.headers },
      redirect: "manual",
      signal: AbortSignal.timeout(Math.max(1, seconds * 1_000)),
    });
    return { status: answer.status, headers: answer.headers, body: await whole(answer) };
  } catch (error) {
    // What fetch throws says little; its cause says what happened.
    const { cause, message } = error as Error & { cause?: Error };
    throw new Error(`${url.origin}: ${cause?.message || message}`);
  }
}

async function whole(answer: Response): Promise<string> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of answer.body ?? []) {
    bytes += (part as Uint8Array).length;
    if (bytes > MAX_ANSWER_BYTES) {
      throw new Error(`the answer is longer than ${MAX_ANSWER_BYTES} bytes`);
    }
    parts.push(part as Uint8Array);
  }
  return Buffer.concat(parts).toString("utf8");
}
