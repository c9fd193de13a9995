/** The type Actor: who acted, as records describe it. */
import { z } from "zod";
import type { EmbeddedType, FieldDeclaration } from "../../../engine/declaration.js";
import { derived, field } from "../../../engine/declare.js";
import { enumTypeOf } from "../../../engine/types/object-type.js";
import { checkedText } from "../../../values/checked.js";
import { Role } from "./users.model.js";

const ActorKind = enumTypeOf("ActorKind", ["USER", "SYSTEM", "ANONYMOUS"], "The kinds of actors.", {
  USER: "A user who had signed in.",
  SYSTEM: "Postern itself, such as its schedule.",
  ANONYMOUS: "Nobody who is known.",
});

const Actor: EmbeddedType = {
  name: "Actor",
  description:
    "Who acted, as it was then: accounts that have changed or gone since are described as they were. It is part of its record: a cache must not identify it by its `id` (in Apollo Client `keyFields: false`).",
  list: false,
  fields: {
    kind: { kind: "enum", nullable: false, enumeration: ActorKind, description: "The kind of actor." },
    id: { kind: "opaqueId", nullable: true, description: "The id of the user; null for others." },
    email: { kind: "string", nullable: true, description: "The e-mail address of the user; null for others." },
    role: { kind: "enum", nullable: true, enumeration: Role, description: "The role of the user; null for others." },
    name: {
      kind: "string",
      nullable: true,
      description: "The part of Postern that acted, such as `schedule`; null for others.",
    },
  },
};

const textOf = (value: unknown): string | null => (typeof value === "string" ? value : null);

/** @param stored what `describeActor` has made, or `{ type: "system", name }`; anything else describes nobody who is known */
function actorOf(stored: unknown) {
  const { type, id, email, role, name } = Object(stored) as Record<string, unknown>;
  return {
    kind: textOf(type)?.toUpperCase() ?? ActorKind.ANONYMOUS,
    id: textOf(id),
    email: textOf(email),
    role: textOf(role),
    name: textOf(name),
  };
}

/** Declares the actor that a jsonb column describes. */
export const actorField = (column: FieldDeclaration["column"], description: string): FieldDeclaration =>
  derived(column, description, { needs: { stored: column }, type: Actor, derive: ({ stored }) => actorOf(stored) });

/** Declares the actor that a jsonb column describes where it has a value. */
export const optionalActorField = (column: FieldDeclaration["column"], description: string): FieldDeclaration =>
  derived(column, description, {
    needs: { stored: column },
    type: Actor,
    derive: ({ stored }) => (stored === null ? null : actorOf(stored)),
  });

const text = checkedText(254, 0).optional();
const SoughtActor = z.strictObject(
  { type: text, id: text, email: text, role: text, name: text },
  {
    error:
      'Give an object of `type`, `id`, `email`, `role` and `name`, all texts, such as `{ type: "user", id: "42" }`.',
  },
);

/** Declares the JSON that describes an actor. */
export const actorJsonField = (column: FieldDeclaration["column"], description: string): FieldDeclaration =>
  field(column, description, { contained: SoughtActor });
