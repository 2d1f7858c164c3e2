/** What was added within some seconds; of too many, the newest. */
export class Recently {
  readonly #added = new Map<string, number>();

  constructor(
    readonly seconds: number,
    readonly most: number,
  ) {}

  has(key: string): boolean {
    const at = this.#added.get(key);
    return at !== undefined && performance.now() - at < this.seconds * 1_000;
  }

  add(key: string): void {
    this.#added.delete(key);
    this.#added.set(key, performance.now());
    if (this.#added.size <= this.most) return;
    for (const oldest of this.#added.keys()) {
      this.#added.delete(oldest);
      break;
    }
  }
}
