/** Which folder of the source may import which. */
import {
  AUDIT,
  AUTH,
  BASE,
  DB,
  DOMAINS,
  EARLIER_FACE,
  ENGINE,
  ERRORS,
  FACE,
  GRAPHQL,
  GRAPHQL_OR_STORE,
  type Layer,
  MODULE,
  OWN,
  PORT,
  RATE_LIMITS,
  TABLES,
  VALUES,
  VARIABLES,
} from "./reach.js";

/** The first that fits a file is its layer. The folder fleet/ stays until modules start by themselves. */
export const LAYERS: readonly Layer[] = [
  {
    name: "main, app with its ports, the commands and seeds bring the rest together",
    files: /^((main|app|ports)\.ts$|(cli|seed|fleet)\/)/,
    may: [/^(?!modules\/)/, FACE, TABLES],
    bad: [
      "app.ts",
      `import { x } from "./modules/data/a/index.js";
import { y } from "./modules/data/a/a.service.js";`,
    ],
    caught: ["modules/data/a/a.service.ts"],
  },
  {
    name: "what everything may know, knows nothing of ours",
    files: /^(cache|durability|errors|limits|log|output|timings|start-fault|start-in-order|version)\.ts$/,
    may: [],
    never: GRAPHQL,
    bad: ["errors.ts", 'import "./log.js";\nimport type { GraphQLError } from "graphql";'],
    caught: ["log.ts", "types of graphql"],
  },
  {
    name: "values know values and errors",
    files: VALUES,
    may: [OWN, ERRORS],
    never: GRAPHQL,
    bad: ["values/id.ts", 'import { x } from "../errors.js";\nimport type { Y } from "../auth/actor.js";'],
    caught: ["types of auth/actor.ts"],
  },
  {
    name: "configuration sums what modules say",
    files: /^config\.ts$/,
    may: [BASE, VARIABLES],
    never: GRAPHQL,
    bad: [
      "config.ts",
      `import { x } from "./modules/fleet/a/a.variables.js";
import { y } from "./modules/fleet/a/index.js";`,
    ],
    caught: ["modules/fleet/a/index.ts"],
  },
  {
    name: "what a module is, is said in types",
    files: MODULE,
    may: [],
    types: [BASE, AUTH, AUDIT, ENGINE, DB, /^jobs\//],
    bad: ["module.ts", 'import type { X } from "./audit/call.js";\nimport { y } from "./audit/call.js";'],
    caught: ["audit/call.ts"],
  },
  {
    name: "tables know tables, wherever they lie, and lists of values",
    files: TABLES,
    may: [TABLES, /^db\/columns\.ts$/, VALUES, /^auth\/permissions\.ts$/, PORT],
    never: GRAPHQL,
    bad: [
      "modules/data/a/a.table.ts",
      `import { b } from "../../identity/b/b.table.js";
import { c } from "../../../db/client.js";
import { d } from "../../identity/b/index.js";`,
    ],
    caught: ["db/client.ts", "modules/identity/b/index.ts"],
  },
  {
    name: "the database knows nothing of who asks",
    files: DB,
    may: [DB, BASE],
    never: GRAPHQL,
    bad: [
      "db/a.ts",
      `import type { X } from "../auth/actor.js";
import { y } from "../audit/a.table.js";
import { z } from "./client.js";`,
    ],
    caught: ["types of auth/actor.ts", "audit/a.table.ts"],
  },
  {
    name: "what is observed is only counted",
    files: /^observe\//,
    may: [OWN, BASE],
    never: GRAPHQL,
    bad: ["observe/a.ts", 'import type { Db } from "../db/client.js";'],
    caught: ["types of db/client.ts"],
  },
  {
    name: "a PostgreSQL server knows nothing of what it is for",
    files: /^postgres\//,
    may: [OWN, BASE],
    never: GRAPHQL_OR_STORE,
    bad: [
      "postgres/a.ts",
      `import { x } from "./cluster.js";
import type { Y } from "../providers/provider.js";
import { sql } from "drizzle-orm";`,
    ],
    caught: ["types of providers/provider.ts", "drizzle-orm"],
  },
  {
    name: "the port of providers knows plain values, and nothing else of ours",
    files: PORT,
    may: [VALUES, PORT],
    never: /./,
    bad: ["providers/provider.ts", 'import type { Log } from "../log.js";'],
    caught: ["types of log.ts"],
  },
  {
    name: "the local provider knows PostgreSQL servers, and nothing of who asks",
    files: /^providers\/local(\.ts$|\/)/,
    may: [OWN, BASE, /^postgres\//],
    never: GRAPHQL_OR_STORE,
    bad: [
      "providers/local/a.ts",
      `import { a } from "../../postgres/cluster.js";
import type { B } from "../../modules/fleet/operations/index.js";
import type { Db } from "../../db/client.js";
import { c } from "../../graphql/context.js";`,
    ],
    caught: ["types of modules/fleet/operations/index.ts", "types of db/client.ts", "graphql/context.ts"],
  },
  {
    name: "providers know the port, and nothing of who asks",
    files: /^providers\//,
    may: [/^providers\/(?!local(\.ts$|\/))/, BASE],
    never: /^(graphql($|-|\/)|type-graphql|@apollo\/|drizzle-orm|pg-boss|postgres$)/,
    bad: [
      "providers/aws-rds/a.ts",
      `import { x } from "../provider.js";
import { y } from "../../postgres/cluster.js";
import { z } from "../local/z.js";`,
    ],
    caught: ["postgres/cluster.ts", "providers/local/z.ts"],
  },
  {
    name: "jobs know the database they travel with, and receive what they are for",
    files: /^jobs\//,
    may: [OWN, BASE, DB],
    never: GRAPHQL,
    bad: [
      "jobs/a.ts",
      'import type { Db } from "../db/client.js";\nimport { x } from "../modules/identity/users/index.js";',
    ],
    caught: ["modules/identity/users/index.ts"],
  },
  {
    name: "authentication knows the database",
    files: AUTH,
    may: [OWN, BASE, DB, TABLES],
    never: GRAPHQL,
    bad: ["auth/a.ts", 'import type { Call } from "../audit/call.js";\nimport { z } from "../engine/read/page.js";'],
    caught: ["types of audit/call.ts", "engine/read/page.ts"],
  },
  {
    name: "the record of a call knows who calls, and nothing of how changes are made",
    files: AUDIT,
    may: [OWN, BASE, AUTH, DB, TABLES],
    never: /^(graphql($|-|\/)|type-graphql|@apollo\/|postgres$)/,
    bad: [
      "audit/a.ts",
      `import { x } from "./call.js";
import type { Y } from "../engine/read/writing.js";`,
    ],
    caught: ["types of engine/read/writing.ts"],
  },
  {
    name: "rate limits know who calls, and nothing of what is called",
    files: /^rate-limits\//,
    may: [OWN, BASE, AUTH, AUDIT, DB, TABLES],
    never: /^(graphql($|-|\/)|type-graphql|@apollo\/|postgres$)/,
    bad: [
      "rate-limits/a.ts",
      `import { x } from "../audit/call.js";
import type { Y } from "../engine/mutation.js";`,
    ],
    caught: ["types of engine/mutation.ts"],
  },
  {
    name: "the engine knows no module, no table and nothing of HTTP",
    files: ENGINE,
    may: [OWN, BASE, AUDIT, AUTH, DB],
    never: /^(@apollo\/|postgres$|graphql-shield|graphql-middleware)/,
    bad: [
      "engine/read/a.ts",
      'export * from "../../graphql/context.js";\nconst x = await import("../../modules/identity/users/index.js");',
    ],
    caught: ["graphql/context.ts", "modules/identity/users/index.ts"],
  },
  {
    name: "HTTP and GraphQL know the faces of modules, and neither tables, stores nor providers",
    files: /^(http|graphql)\//,
    may: [/^(http|graphql|observe)\//, BASE, AUTH, AUDIT, RATE_LIMITS, ENGINE, FACE],
    types: [/^config\.ts$/, MODULE],
    never: /^(drizzle-orm|postgres$)/,
    bad: [
      "graphql/a.ts",
      `import type { scans } from "../modules/data/a/a.table.js";
import { a } from "../modules/data/a/a.store.js";
import { b } from "../modules/data/a/index.js";
import type { C } from "../config.js";
import { d } from "../config.js";
import type { E } from "../providers/provider.js";
const { f } = require("postgres");`,
    ],
    caught: [
      "types of modules/data/a/a.table.ts",
      "modules/data/a/a.store.ts",
      "config.ts",
      "types of providers/provider.ts",
      "postgres",
    ],
  },
  {
    name: "the explorer's page runs in a browser, and meets Postern over HTTP only",
    files: /^explorer\/page\//,
    may: [/^explorer\/page\//],
    never: /^node:/,
    bad: [
      "explorer/page/a.tsx",
      `import { b } from "./b.jsx";
import type { Config } from "../../config.js";
import { readFileSync } from "node:fs";`,
    ],
    caught: ["types of config.ts", "node:fs"],
  },
  {
    name: "what bundles the explorer's page knows nothing of ours",
    files: /^explorer\/bundle\.ts$/,
    may: [],
    bad: ["explorer/bundle.ts", 'import { b } from "./page/b.js";'],
    caught: ["explorer/page/b.ts"],
  },
  {
    name: "modules know the faces of their own domain and of earlier ones",
    files: new RegExp(`^modules/(${DOMAINS.join("|")})/[\\w-]+/`),
    may: [OWN, EARLIER_FACE, BASE, AUTH, AUDIT, RATE_LIMITS, ENGINE, DB, TABLES, PORT, /^jobs\//],
    types: [MODULE],
    never: /^(@apollo\/|postgres$|graphql-shield|graphql-middleware|pg-boss)/,
    bad: [
      "modules/evidence/a/a.ts",
      `import type { B } from "../../identity/b/index.js";
import { c } from "../../evidence/c/index.js";
import type { D } from "../../fleet/d/index.js";
import type { E } from "../e/e.service.js";
import { f } from "../../../providers/local.js";
import { g } from "../../../http/host.js";
import { h } from "./a.store.js";`,
    ],
    caught: [
      "types of modules/fleet/d/index.ts",
      "types of modules/evidence/e/e.service.ts",
      "providers/local.ts",
      "http/host.ts",
    ],
  },
];
