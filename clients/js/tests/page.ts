/**
 * A stand-in for the page, for tests that run in node: only what the client touches, so that time,
 * failing requests and a page being left can be played exactly. What a real browser does is tested
 * in real ones, in `tests/clients/test_browser.py`.
 */

import { vi } from "vitest";

export interface Answer {
  status: number;
  body?: unknown;
}

export class Page {
  /** What was asked for and posted; `status` is the answer's, null where there was none. */
  readonly posts: {
    url: string;
    init: RequestInit;
    events: Record<string, any>[];
    status: number | null;
  }[] = [];
  readonly warnings: string[] = [];
  readonly window = new EventTarget();
  readonly document = Object.assign(new EventTarget(), { hidden: false, cookie: "" });
  readonly navigator = {
    cookieEnabled: true,
    userAgent: "Mozilla/5.0 (X11; Linux x86_64)",
  };
  /** Left for good: what it asked is answered, and nobody is there to hear it. */
  isGone = false;
  /** What the next requests are answered; an Error is a connection that fails. The last stays. */
  answers: (Answer | Error)[] = [{ status: 201 }];

  constructor() {
    const globals: Record<string, unknown> = {
      window: globalThis,
      document: this.document,
      navigator: this.navigator,
      location: { hostname: "wiki.example", protocol: "http:", search: "" },
      innerWidth: 1280,
      innerHeight: 800,
      matchMedia: () => ({ matches: false }),
      addEventListener: this.window.addEventListener.bind(this.window),
      removeEventListener: this.window.removeEventListener.bind(this.window),
      fetch: this.fetch,
      allotmentConfig: undefined,
      allotmentUserExperiments: undefined,
    };
    for (const [name, value] of Object.entries(globals)) vi.stubGlobal(name, value);
    vi.spyOn(console, "warn").mockImplementation((text) => void this.warnings.push(String(text)));
  }

  /** What was answered with 201. */
  get events(): Record<string, any>[] {
    return this.posts.flatMap(({ events, status }) => (status === 201 ? events : []));
  }

  hide(): void {
    this.document.hidden = true;
    this.window.dispatchEvent(new Event("visibilitychange"));
  }

  show(): void {
    this.document.hidden = false;
    this.window.dispatchEvent(new Event("visibilitychange"));
  }

  private readonly fetch = async (url: unknown, init: RequestInit = {}): Promise<unknown> => {
    const events = init.body === undefined ? [] : JSON.parse(String(init.body));
    const answer = this.answers.length > 1 ? this.answers.shift() : this.answers[0];
    const given = answer instanceof Error ? undefined : answer;
    this.posts.push({ url: String(url), init, events, status: given?.status ?? null });
    await null;
    if (this.isGone) await new Promise(() => {});
    if (!given) throw answer ?? new Error("no answer");
    const { status, body } = given;
    return { status, ok: status >= 200 && status < 300, json: async () => body };
  };
}

/** A browser's storage: whatever is put in is a text. */
export function newStorage(): Record<string, string> {
  return new Proxy({}, { set: (all, key, value) => Reflect.set(all, key, String(value)) });
}

export function newPage(): Page {
  vi.useFakeTimers({ now: new Date("2026-11-22T09:00:00Z") });
  return new Page();
}

export function endPage(): void {
  vi.useRealTimers();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
}
