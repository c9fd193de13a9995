/** The field of whoever decided about an environment; null where nobody has. */
import type { DerivedValue, FieldDeclaration } from "../../../engine/declaration.js";
import { actorField } from "../../identity/users/index.js";

/** Declares the actor that a jsonb column describes where it has a value. */
export function deciderField(column: FieldDeclaration["column"], description: string): FieldDeclaration {
  const field = actorField(column, description);
  const derived = field.derived as DerivedValue;
  return {
    ...field,
    derived: {
      ...derived,
      derive: (needs, access) => (needs.stored === null ? null : derived.derive(needs, access)),
    },
  };
}
