/** Where a request body comes from: what {@link InputStream} needs of a gateway. */
export interface InputSource {
  /**
   * Bytes are wanted. The first call means that the application reads at all (`Expect: 100-continue`
   * is answered then); later ones follow a {@link pause}.
   */
  resume(): void;
  /**
   * Enough is waiting: stop delivering as soon as possible. What still comes is kept, not lost. May be called more than
   * once before {@link resume}.
   */
  pause(): void;
}
