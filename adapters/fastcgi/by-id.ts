/** What a connection has by request id. Mostly it is a single one, for which a map costs too much. */

export class ById<T extends { readonly id: number }> implements Iterable<T> {
  #latest: T | undefined;
  readonly #others = new Map<number, T>();

  get size(): number {
    return this.#others.size + (this.#latest === undefined ? 0 : 1);
  }

  get(id: number): T | undefined {
    if (this.#latest?.id === id) return this.#latest;
    return this.#others.size === 0 ? undefined : this.#others.get(id);
  }

  /** @param item whose id is none of those that are there */
  add(item: T): void {
    if (this.#latest !== undefined) this.#others.set(this.#latest.id, this.#latest);
    this.#latest = item;
  }

  /** @returns whether it was there */
  delete(item: T): boolean {
    if (this.#latest !== item) return this.get(item.id) === item && this.#others.delete(item.id);
    this.#latest = undefined;
    return true;
  }

  *[Symbol.iterator](): Iterator<T> {
    if (this.#latest !== undefined) yield this.#latest;
    yield* this.#others.values();
  }
}
