/** Recognises a Response. In a file of its own, because recognition needs nothing else of fetch handlers. */

/** Recognises a Response by its members: it may come from another realm, or from a library. */
export function isResponse(value: unknown): value is Response {
  const members = value as Partial<Response> | null | undefined;
  return typeof members?.status === 'number' && typeof members.headers?.get === 'function';
}
