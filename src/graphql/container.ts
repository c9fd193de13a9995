/** Hands our resolver instances to type-graphql, which would otherwise construct its own. */
import type { ContainerType } from "type-graphql";

export function containerOf(instances: readonly object[]): ContainerType {
  const byClass = new Map<unknown, object>(instances.map((instance) => [instance.constructor, instance]));
  return {
    get(someClass) {
      const instance = byClass.get(someClass);
      if (!instance) throw new Error(`no instance of ${someClass.name} was wired`);
      return instance;
    },
  };
}
