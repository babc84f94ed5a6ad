/** Requests of a connection by request id. Most connections have one request at a time: a Map alone would cost more. */

export class RequestMap<T extends { readonly id: number }> implements Iterable<T> {
  #latest: T | undefined;
  readonly #others = new Map<number, T>();

  get size(): number {
    return this.#others.size + (this.#latest === undefined ? 0 : 1);
  }

  get(id: number): T | undefined {
    if (this.#latest?.id === id) return this.#latest;
    return this.#others.size === 0 ? undefined : this.#others.get(id);
  }

  /** @param request its id must not be in the map */
  add(request: T): void {
    if (this.#latest !== undefined) this.#others.set(this.#latest.id, this.#latest);
    this.#latest = request;
  }

  /** @returns whether it was in the map */
  delete(request: T): boolean {
    if (this.#latest !== request) {
      return this.get(request.id) === request && this.#others.delete(request.id);
    }
    this.#latest = undefined;
    return true;
  }

  *[Symbol.iterator](): Iterator<T> {
    if (this.#latest !== undefined) yield this.#latest;
    yield* this.#others.values();
  }
}
