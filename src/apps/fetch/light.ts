/**
 * Light classes: they replace the platform's classes of Fetch, and do no work before their members are used.
 *
 * An object of a light class keeps its arguments. At the first use of a member that the light class does not define
 * itself, it makes the platform's object and delegates to it.
 */

type Class = abstract new (...args: never[]) => object;

/**
 * Adds all members of the platform's class to a light class, and makes its objects instances of the platform's class.
 *
 * @param nativeOf gives the platform's object for a light one. It makes the object at the first call
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
    const own = Object.getOwnPropertyDescriptor(prototype, name);
    const { enumerable = false } = property;
    Object.defineProperty(prototype, name, {
      ...(own ?? delegate(name, property, nativeOf)),
      enumerable,
    });
  }
  Object.setPrototypeOf(prototype, native.prototype as object);
}

/** Whether a global is the platform's class: those of libraries extend it. */
export function isPlatformClass(value: Class): boolean {
  return Object.getPrototypeOf(value) === Function.prototype;
}

function delegate<T extends object>(
  name: string,
  property: PropertyDescriptor,
  nativeOf: (light: T) => object,
): PropertyDescriptor {
  if (typeof property.value === 'function') {
    return {
      value: {
        [name](this: T, ...args: unknown[]): unknown {
          const native = nativeOf(this);
          // Not `property.value`: the method of the platform's prototype may have been replaced.
          return Reflect.apply(Reflect.get(native, name) as () => unknown, native, args);
        },
      }[name],
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

/** Replaces a global, with the same attributes as the platform's property. */
export function replaceGlobal(name: 'Request' | 'Response' | 'fetch', value: unknown): void {
  Object.defineProperty(globalThis, name, { value, writable: true, configurable: true });
}
