import { expect, it } from "vitest";
import { PERMISSIONS } from "../../src/auth/permissions.js";
import {
  type DerivedValue,
  type EmbeddedField,
  type EmbeddedType,
  type TypeDeclaration,
} from "../../src/engine/declaration.js";
import { derived, embedded, field } from "../../src/engine/declare.js";
import { ScanStatus } from "../../src/modules/data/scans/scans.model.js";
import { scans } from "../../src/modules/data/scans/scans.table.js";
import { Environment } from "../../src/modules/fleet/inventory/instance-objects.model.js";
import { instances } from "../../src/modules/fleet/inventory/inventory.table.js";
import { declaredTypes } from "../support/model.js";
import { base, eachPart, holdAndBite } from "./declarations.js";

/** Every embedded type of a declaration, and every field of those, by its path: `Instance.members.endpoint.host`. */
function embeddedOf(type: TypeDeclaration): { types: [string, EmbeddedType][]; fields: [string, EmbeddedField][] } {
  const found = { types: [] as [string, EmbeddedType][], fields: [] as [string, EmbeddedField][] };
  const look = (path: string, inner: EmbeddedType): void => {
    found.types.push([path, inner]);
    for (const [name, declaration] of Object.entries(inner.fields)) {
      found.fields.push([`${path}.${name}`, declaration]);
      if (declaration.embedded) look(`${path}.${name}`, declaration.embedded);
    }
  };
  for (const [name, { embedded }] of Object.entries(type.fields)) if (embedded) look(`${type.name}.${name}`, embedded);
  return found;
}

const place: EmbeddedType = {
  name: "Place",
  description: "An example of an embedded object.",
  list: false,
  fields: { host: { kind: "string", nullable: false, description: "Its name." } },
};
/** A type that embeds an object with these fields. */
const embedding = (fields: EmbeddedType["fields"], changes: Partial<EmbeddedType> = {}) =>
  base({
    name: "Embedding",
    table: instances,
    scope: { kind: "everyone" },
    fields: {
      id: field(instances.id, "The key."),
      place: embedded(instances.endpoint, "Where.", { ...place, fields, ...changes }),
    },
  });
const deriving = (value: Partial<DerivedValue>) =>
  base({
    name: "Deriving",
    fields: {
      id: field(scans.id, "The key."),
      value: derived(scans.id, "What follows.", {
        needs: { status: scans.status },
        type: { name: "Answer", description: "What follows.", list: false, fields: {} },
        derive: () => null,
        ...value,
      }),
    },
  });
holdAndBite([
  {
    name: "every embedded type and each of its fields describes itself",
    explanation: "Clients read it in the schema.",
    offenders: (types) =>
      types.flatMap((type) => {
        const { types: inner, fields } = embeddedOf(type);
        return [...inner, ...fields]
          .filter(([, { description }]) => !/^[A-Z0-9].*\.$/.test(description))
          .map(([path]) => path);
      }),
    bad: [
      embedding(place.fields, { description: "" }),
      embedding({
        inner: {
          kind: "embedded",
          nullable: true,
          description: "Good.",
          embedded: { ...place, fields: { host: { kind: "string", nullable: false, description: "bad" } } },
        },
      }),
    ],
    caught: ["Embedding.place", "Embedding.place.inner.host"],
  },
  {
    name: "a field of an embedded object names its enum or its object, and nothing of the planner's own",
    explanation:
      "Its value stands in the JSON of the row as it is: there are no keys of rows, no cursors and no columns.",
    offenders: (types) =>
      types.flatMap((type) =>
        embeddedOf(type)
          .fields.filter(
            ([, { kind, enumeration, embedded }]) =>
              (kind === "enum") !== (enumeration !== undefined) ||
              (kind === "embedded") !== (embedded !== undefined) ||
              ["id", "derived"].includes(kind),
          )
          .map(([path]) => path),
      ),
    bad: [
      embedding({
        a: { kind: "enum", nullable: false, description: "A." },
        b: { kind: "embedded", nullable: true, description: "B." },
        c: { kind: "id", nullable: true, description: "C." },
        d: { kind: "enum", nullable: true, description: "D.", enumeration: Environment },
      }),
    ],
    caught: ["Embedding.place.a", "Embedding.place.b", "Embedding.place.c"],
  },
  {
    name: "a field of an embedded object that only some may read is nullable and names somebody who exists",
    explanation: "It answers null to the others.",
    offenders: (types) =>
      types.flatMap((type) =>
        embeddedOf(type)
          .fields.filter(
            ([, { nullable, read }]) =>
              read && (!nullable || read.length === 0 || read.some((permission) => !PERMISSIONS.includes(permission))),
          )
          .map(([path]) => path),
      ),
    bad: [
      embedding({
        a: { kind: "string", nullable: false, description: "A.", read: ["instance-endpoints:read"] },
        b: { kind: "string", nullable: true, description: "B.", read: [] },
        c: { kind: "string", nullable: true, description: "C.", read: ["x:y" as never] },
        d: { kind: "string", nullable: true, description: "D.", read: ["instance-endpoints:read"] },
      }),
    ],
    caught: ["Embedding.place.a", "Embedding.place.b", "Embedding.place.c"],
  },
  {
    name: "what some may not read in one place they may not read in another",
    explanation: "An embedded object that is guarded somewhere is guarded wherever the model leads to it.",
    offenders: (types) => {
      const places = types.flatMap((type) => [
        ...Object.entries(type.fields).map(([name, part]) => [`${type.name}.${name}`, part] as const),
        ...embeddedOf(type).fields,
      ]);
      const guards = new Map(
        places.flatMap(([, { embedded, read }]) => (embedded && read ? [[embedded.name, read]] : [])),
      );
      return places
        .filter(([, { embedded, read }]) => embedded && guards.has(embedded.name) && !read)
        .map(([path]) => path);
    },
    bad: [
      embedding(
        {
          a: {
            kind: "embedded",
            nullable: true,
            description: "A.",
            embedded: place,
            read: ["instance-endpoints:read"],
          },
          b: { kind: "embedded", nullable: true, description: "B.", embedded: place },
        },
        { name: "Outer" },
      ),
    ],
    caught: ["Embedding.place.b"],
  },
  {
    name: "what a value is fetched of stands in the row of the type, and in the object itself",
    explanation: "It is read with the row.",
    offenders: (types) =>
      types.flatMap((type) => {
        const { types: objects, fields } = embeddedOf(type);
        const ownOf = (path: string) => objects.find(([of]) => path.slice(0, path.lastIndexOf(".")) === of)?.[1].fields;
        return fields
          .filter(
            ([path, { fetched }]) =>
              fetched &&
              (Object.values(fetched.row).some(({ table }) => table !== type.table) ||
                fetched.own.some((key) => !ownOf(path)?.[key])),
          )
          .map(([path]) => path);
      }),
    bad: [
      embedding({
        name: { kind: "string", nullable: false, description: "Its name." },
        a: { kind: "fetched", nullable: true, description: "A.", fetched: { row: { it: scans.id }, own: ["name"] } },
        b: { kind: "fetched", nullable: true, description: "B.", fetched: { row: {}, own: ["other"] } },
        c: {
          kind: "fetched",
          nullable: true,
          description: "C.",
          fetched: { row: { it: instances.id }, own: ["name"] },
        },
      }),
    ],
    caught: ["Embedding.place.a", "Embedding.place.b"],
  },
  {
    name: "a derived value follows from columns of the type's own table, none of them guarded",
    explanation: "Its columns are read with the row; a guarded one would be told by what follows from it.",
    offenders: eachPart((type, name) => {
      const value = type.fields[name]?.derived;
      if (!value) return false;
      const guarded = Object.values(type.fields).flatMap(({ read, column }) => (read ? [column] : []));
      return Object.values(value.needs).some((column) => column.table !== type.table || guarded.includes(column));
    }),
    bad: [
      deriving({}),
      deriving({ needs: { status: instances.status } }),
      base({
        name: "Guarded",
        fields: {
          ...deriving({ needs: { status: scans.status } }).fields,
          id: field(scans.id, "The key."),
          status: field(scans.status, "S.", { enumeration: ScanStatus, read: ["users:read"] }),
        },
      }),
    ],
    caught: ["Deriving.value", "Guarded.value"],
  },
]);

it("looks into embedded types, also within others", () => {
  const paths = declaredTypes.flatMap((type) => embeddedOf(type).fields.map(([path]) => path));
  expect(paths).toEqual(
    expect.arrayContaining(["Instance.members.endpoint.host", "Instance.environment.evidence.detail"]),
  );
});
