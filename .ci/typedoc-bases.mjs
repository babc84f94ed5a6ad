/**
 * A plugin of typedoc. Its check `notExported` looks at signatures alone; this one looks at the types that classes and
 * interfaces extend and implement.
 */

import { Application, ReflectionKind, makeRecursiveVisitor } from 'typedoc';

/** Parts of a public class that are files of their own: their members are shown as those of the class. */
const PARTS = new Set(['BodySender', 'InputReader']);

/** @param {Application} app */
export function load(app) {
  app.on(Application.EVENT_VALIDATE_PROJECT, (project) => {
    for (const reflection of project.getReflectionsByKind(ReflectionKind.ClassOrInterface)) {
      const visitor = makeRecursiveVisitor({
        reference(type) {
          if (type.reflection !== undefined || type.package !== project.packageName) return;
          if (PARTS.has(type.name)) return;
          const name = reflection.getFriendlyFullName();
          app.logger.validationWarning(`${name} extends ${type.name}, which is not exported`);
        },
      });
      const { extendedTypes = [], implementedTypes = [] } =
        /** @type {import('typedoc').DeclarationReflection} */ (reflection);
      for (const base of [...extendedTypes, ...implementedTypes]) base.visit(visitor);
    }
  });
}
