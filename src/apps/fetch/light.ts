/**
 * Classes that stand for the platform's own of Fetch, and cost nothing until somebody looks into their objects.
 *
 * An object of such a class keeps what it was made of, and becomes the platform's own at the first use of anything
 * that the light class does not have itself.
 */

type Class = abstract new (...args: never[]) => object;

/**
 * Gives a light class all that the platform's has, and makes its objects instances of it.
 *
 * @param nativeOf gives the platform's own object for a light one, made when it is first asked for
 */
export function delegateToNative<T extends object>(
  light: Class,
  native: Class,
  nativeOf: (light: T) => object,
): void {
  const prototype = light.prototype as object;
  for (const [name, property] of Object.entries(
    Object.getOwnPropertyDescriptors(native.prototype as object),
  )) {
    if (Object.hasOwn(prototype, name)) continue;
    Object.defineProperty(prototype, name, delegate(name, property, nativeOf));
  }
  Object.setPrototypeOf(prototype, native.prototype as object);
}

function delegate<T extends object>(
  name: string,
  property: PropertyDescriptor,
  nativeOf: (light: T) => object,
): PropertyDescriptor {
  if (typeof property.value === 'function') {
    return {
      value(this: T, ...args: unknown[]): unknown {
        return Reflect.apply(property.value as () => unknown, nativeOf(this), args);
      },
      writable: true,
      configurable: true,
    };
  }
  return {
    get(this: T): unknown {
      return Reflect.get(nativeOf(this), name);
    },
    configurable: true,
  };
}

/** Puts a class in the place of the platform's own, as the platform has it there. */
export function replaceGlobal(name: 'Request' | 'Response' | 'fetch', value: unknown): void {
  Object.defineProperty(globalThis, name, { value, writable: true, configurable: true });
}
