/** What files may import by their kind: a model, a service, a store, a decision, a face. */
import {
  AUDIT,
  AUTH,
  BASE,
  DB,
  DECISION,
  ENGINE,
  ERRORS,
  FACE,
  GRAPHQL,
  type Layer,
  MODULE,
  OWN,
  PORT,
  RATE_LIMITS,
  RULES,
  TABLES,
  VALUES,
  VARIABLES,
} from "./reach.js";

/** What a file's name says that it is, wherever it lies. It keeps to that beside its layer. */
export const ROLES: readonly Layer[] = [
  {
    name: "models, inputs, mutations and resolvers know the engine, and no statement",
    files: /\.(types|model|inputs|mutations|resolver)\.ts$/,
    may: [OWN, ERRORS, VALUES, ENGINE, FACE, RULES, TABLES],
    types: [AUTH, AUDIT],
    never: /^(@apollo\/|drizzle-orm|postgres$|graphql-shield)/,
    bad: [
      "modules/data/a/a.model.ts",
      `import { a } from "./a.table.js";
import type { Db } from "../../../db/client.js";
import { sql } from "drizzle-orm";`,
    ],
    caught: ["types of db/client.ts", "drizzle-orm"],
  },
  {
    name: "services, and what they drive in the background, are plain TypeScript over stores",
    files: /\.(service|tasks)\.ts$/,
    may: [OWN, BASE, AUTH, AUDIT, RATE_LIMITS, DB, PORT, FACE, /^engine\/(declaration\.ts$|write\/|live\/)/],
    types: [ENGINE, /^jobs\//],
    never: GRAPHQL,
    bad: [
      "modules/data/a/a.service.ts",
      `import {
  Field,
} from "type-graphql";
import { b } from "../b/index.js";
import { c } from "../../../engine/types/c.js";
import { d } from "./a.store.js";`,
    ],
    caught: ["type-graphql", "engine/types/c.ts"],
  },
  {
    name: "stores know the database only",
    files: /\.store\.ts$/,
    may: [DB, TABLES, ERRORS],
    types: [AUTH, PORT, VALUES, DECISION, /^engine\/write\/rows\.ts$/],
    never: /^(?!drizzle-orm)/,
    bad: [
      "modules/data/a/a.store.ts",
      `import { x } from "./a.service.js";
import { sql } from "drizzle-orm";
import { y } from "../../../db/client.js";
import { z } from "zod";`,
    ],
    caught: ["modules/data/a/a.service.ts", "zod"],
  },
  {
    name: "decisions of a module know no database, no clock and nobody who asks",
    files: DECISION,
    may: [DECISION, PORT, ERRORS, VALUES],
    never: /^(?!zod$)/,
    bad: [
      "modules/fleet/operations/state-machine.ts",
      `import type { Db } from "../../../db/client.js";
import { x } from "drizzle-orm";
import { z } from "zod";`,
    ],
    caught: ["types of db/client.ts", "drizzle-orm"],
  },
  {
    name: "variables of a module are read before anything else is loaded",
    files: VARIABLES,
    may: [DECISION, PORT, ERRORS, VALUES, RULES],
    never: /^(?!zod$)/,
    bad: [
      "modules/fleet/a/a.variables.ts",
      `import { x } from "./rules.js";
import type { Y } from "./index.js";`,
    ],
    caught: ["types of modules/fleet/a/index.ts"],
  },
  {
    name: "a face hands out its module, and wires what is in it",
    files: FACE,
    may: [OWN, ENGINE, RULES],
    types: [AUTH, AUDIT, DB, FACE, MODULE, PORT, /^jobs\//],
    never: /./,
    bad: [
      "modules/identity/users/index.ts",
      `export * from "./users.service.js";
import type { X } from "../../../auth/actor.js";
import { y } from "../../../auth/actor.js";`,
    ],
    caught: ["auth/actor.ts"],
  },
];
