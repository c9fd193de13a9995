/** Who may import whom. */
import { readdirSync, readFileSync } from "node:fs";
import { posix } from "node:path";
import { describe, expect, it } from "vitest";

const SRC = new URL("../../src/", import.meta.url);

interface Import {
  /** A path below src, or the name of a package. */
  readonly target: string;
  readonly ours: boolean;
  /** Gone when it runs: `import type`. */
  readonly typeOnly: boolean;
}

type Files = ReadonlyMap<string, string>;

const STATEMENT =
  /^(?:import|export)(?<type>\s+type)?\s+(?:[\w*{][^"';]*?\s+from\s+)?["'](?<from>[^"']+)["']|\bimport\(\s*["'](?<dynamic>[^"']+)["']\s*\)|\brequire\(\s*["'](?<required>[^"']+)["']\s*\)|createRequire\(import\.meta\.url\)\(\s*["'](?<created>[^"']+)["']/gm;

function importsOf(file: string, text: string): Import[] {
  return [...text.matchAll(STATEMENT)].map(({ groups = {} }) => {
    const from = groups.from ?? groups.dynamic ?? groups.required ?? groups.created ?? "";
    const ours = from.startsWith(".");
    const target = ours ? posix.join(posix.dirname(file), from).replace(/\.js$/, ".ts") : from;
    return { target, ours, typeOnly: groups.type !== undefined };
  });
}

/** What a layer may reach. Patterns are of paths below src; `types` only as types. Packages that are not barred are free. */
interface Layer {
  readonly name: string;
  readonly files: RegExp;
  readonly may: readonly RegExp[];
  readonly types?: readonly RegExp[];
  readonly packages?: { readonly never: RegExp };
}

const GRAPHQL = /^(graphql($|-|\/)|type-graphql|@apollo\/)/;
const BASE = /^(cache|errors|limits|log|pace|start-fault)\.ts$/;
const AUTH = /^auth\//;
const FACE = /^modules\/\w+\/index\.ts$/;
const DB = /^db\/(client|rows|find-rows|postgres-errors)\.ts$/;
const MODEL = /^model\//;
const WIRE = /^wire\//;
const PLAN = /^plan\//;
const CLUSTER = /^cluster\//;
/** What Postern asks of whatever sees and operates instances. */
const PORT = /^providers\/provider\.ts$/;
/** Decisions of a module: values in, values out. */
const DECISIONS =
  /^modules\/(inventory\/(classifier|copies|environment-rules|local-instances)|operations\/(failover-event|guidance|operability|snapshot-identifier|state-machine|windows))\.ts$/;
/** Of wire, what knows no GraphQL. */
const PLAIN_WIRE = /^wire\/(checked|id|well-formed)\.ts$/;
/** Stands for the file's own module, or the file's own folder. */
const OWN = /^OWN\//;

/** The first layer that fits a file is its layer. */
const LAYERS: readonly Layer[] = [
  {
    name: "main, app, start and banner bring the rest together",
    files: /^(main|app|start|banner)\.ts$/,
    may: [/^(?!modules\/)/, FACE],
  },
  {
    name: "the cache, errors, limits, log, output, pace and permissions know nothing of ours",
    files: /^(cache|errors|limits|log|output|pace|start-fault|auth\/permissions)\.ts$/,
    may: [],
    packages: { never: GRAPHQL },
  },
  {
    name: "configuration knows the checks of what it reads",
    files: /^config\.ts$/,
    may: [DECISIONS, PORT],
    types: [FACE],
    packages: { never: GRAPHQL },
  },
  {
    name: "tables know tables",
    files: /^db\/tables\//,
    may: [OWN],
    packages: { never: GRAPHQL },
  },
  {
    name: "the cluster knows nothing of what runs on it",
    files: /^cluster\//,
    may: [OWN, BASE],
    packages: { never: /^(graphql|type-graphql|@apollo\/|drizzle-orm)/ },
  },
  {
    name: "the database knows the declarations of what it stores, and no service",
    files: /^db\//,
    may: [
      OWN,
      BASE,
      AUTH,
      /^plan\/(declaration|visibility|compilation|writing)\.ts$/,
      /^db\/tables\/index\.ts$/,
      CLUSTER,
    ],
    packages: { never: GRAPHQL },
  },
  {
    name: "authentication knows the database, and nothing of GraphQL; a call carries what is asked of its row",
    files: AUTH,
    may: [OWN, BASE, /^db\/(client|postgres-errors)\.ts$/, /^db\/tables\/index\.ts$/],
    types: [/^plan\/writing\.ts$/],
    packages: { never: GRAPHQL },
  },
  {
    name: "seeds write tables",
    files: /^seed\//,
    may: [OWN, BASE, AUTH, /^db\//],
    packages: { never: GRAPHQL },
  },
  {
    name: "the port of providers knows nothing of ours",
    files: PORT,
    may: [],
    packages: { never: /./ },
  },
  {
    name: "the local provider knows clusters, and nothing of who asks",
    files: /^providers\/local(\.ts$|\/)/,
    may: [OWN, BASE, CLUSTER],
    packages: { never: /^(graphql|type-graphql|@apollo\/|drizzle-orm|pg-boss)/ },
  },
  {
    name: "providers know the port, and nothing of who asks",
    files: /^providers\//,
    may: [OWN, BASE],
    packages: { never: /^(graphql|type-graphql|@apollo\/|drizzle-orm|postgres$|pg-boss)/ },
  },
  {
    name: "jobs know the database they travel with, and nothing of what they are for",
    files: /^jobs\//,
    may: [OWN, BASE],
    types: [/^db\/client\.ts$/],
    packages: { never: GRAPHQL },
  },
  {
    name: "records know the database that keeps them and files, and nothing of who makes them",
    files: /^records\//,
    may: [OWN, BASE, /^auth\/caller\.ts$/, /^db\/(client|postgres-errors|records)\.ts$/, /^cluster\/durability\.ts$/],
    packages: { never: /^(graphql|type-graphql|@apollo\/|drizzle-orm|postgres$)/ },
  },
  {
    name: "the fleet brings the faces of its modules together with providers and jobs",
    files: /^fleet\//,
    may: [OWN, BASE, FACE, /^providers\/in-time\.ts$/],
    types: [/^db\/client\.ts$/, /^jobs\//, /^providers\//],
    packages: { never: /^(graphql|type-graphql|@apollo\/|drizzle-orm|pg-boss)/ },
  },
  {
    name: "plan and wire know no module, no table and nothing of HTTP",
    files: /^(plan|wire)\//,
    may: [/^db\/pace\.ts$/, PLAN, WIRE, BASE],
    types: [AUTH],
    packages: { never: /^(@apollo\/|postgres$|graphql-shield|graphql-middleware)/ },
  },
  {
    name: "the model declares tables",
    files: MODEL,
    may: [OWN, PORT, /^errors\.ts$/, /^db\/tables\/index\.ts$/, /^plan\/declaration\.ts$/, /^wire\/object-type\.ts$/],
    types: [WIRE, AUTH],
    packages: { never: /./ },
  },
  {
    name: "the API knows the faces of modules, and neither tables nor stores",
    files: /^api\//,
    may: [OWN, BASE, AUTH, FACE, MODEL, WIRE, PLAN, /^db\/postgres-errors\.ts$/],
    types: [/^config\.ts$/, /^db\/client\.ts$/],
    packages: { never: /^(drizzle-orm|postgres$)/ },
  },
  {
    name: "types, resolvers and loaders know the wire, and no table and no statement",
    files: /^modules\/\w+\/[\w-]+\.(types|resolver|loaders)\.ts$/,
    may: [OWN, MODEL, WIRE, PLAN, /^errors\.ts$/],
    types: [AUTH],
    packages: { never: /^(@apollo\/|drizzle-orm|postgres$|graphql-shield)/ },
  },
  {
    name: "decisions of a module know no database, no clock and nobody who asks",
    files: DECISIONS,
    may: [DECISIONS, PORT, /^errors\.ts$/],
    packages: { never: /^(?!zod$)/ },
  },
  {
    name: "services, and what they drive in the background, are plain TypeScript over stores",
    files: /^modules\/(\w+\/[\w-]+\.service|operations\/(endings|schedule|worker))\.ts$/,
    // `rows` is the service that plain types share, so it is used as a value.
    may: [OWN, BASE, AUTH, DB, MODEL, PLAIN_WIRE, /^plan\/declaration\.ts$/, /^modules\/rows\/index\.ts$/],
    types: [FACE, WIRE, PORT, /^records\/recorder\.ts$/],
    packages: { never: GRAPHQL },
  },
  {
    name: "stores and views know the database only",
    files: /^modules\/\w+\/[\w-]+\.(store|view)\.ts$/,
    may: [DB, /^db\/tables\/index\.ts$/, /^errors\.ts$/],
    types: [AUTH, PORT, DECISIONS],
    packages: { never: /^(?!drizzle-orm)/ },
  },
  {
    name: "a face hands out its module",
    files: FACE,
    may: [OWN, /^wire\/write-resolver\.ts$/, /^modules\/rows\/index\.ts$/],
    types: [AUTH, FACE],
    packages: { never: /./ },
  },
];

function folderOf(file: string): string {
  const parts = file.split("/");
  return parts[0] === "modules" || parts[1] === "tables" ? parts.slice(0, 2).join("/") : (parts[0] ?? "");
}

const reaches = (patterns: readonly RegExp[], file: string, target: string) =>
  patterns.some((pattern) => (pattern === OWN ? folderOf(target) === folderOf(file) : pattern.test(target)));

/** Files whose layer imports what it may not, and files of no layer. */
function layerOffenders(files: Files): string[] {
  return [...files].flatMap(([file, text]) => {
    const layer = LAYERS.find((candidate) => candidate.files.test(file));
    if (!layer) return [`${file} is of no layer`];
    return importsOf(file, text)
      .filter(({ ours, target, typeOnly }) =>
        ours
          ? !reaches(layer.may, file, target) && !(typeOnly && reaches(layer.types ?? [], file, target))
          : layer.packages?.never.test(target) && !typeOnly,
      )
      .map(({ target, typeOnly }) => `${file} imports ${typeOnly ? "types of " : ""}${target}`);
  });
}

/** Whatever leads back to itself, types aside, which are gone when it runs. Modules that only wait for each other are declared. */
function cycles(files: Files): string[] {
  const graph = new Map(
    [...files].map(([file, text]) => [
      file,
      importsOf(file, text)
        .filter(({ ours, typeOnly }) => ours && !typeOnly)
        .map(({ target }) => target),
    ]),
  );
  const found = new Set<string>();
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) {
      found.add(path.slice(path.indexOf(file)).sort().join(" and "));
      return;
    }
    if (done.has(file)) return;
    for (const target of graph.get(file) ?? []) visit(target, [...path, file]);
    done.add(file);
  };
  for (const file of graph.keys()) visit(file, []);
  return [...found];
}

const RULES: {
  name: string;
  explanation: string;
  offenders(files: Files): string[];
  bad: [string, string][];
  caught: string[];
}[] = [
  {
    name: "each layer imports only what it may",
    explanation: "See LAYERS in this file: what belongs elsewhere moves there, or arrives as an argument.",
    offenders: layerOffenders,
    bad: [
      [
        "api/a.ts",
        'import { scans } from "../db/tables/index.js";\nimport { x } from "../modules/audit/audit.store.js";',
      ],
      ["modules/a/a.service.ts", 'import {\n  Field,\n} from "type-graphql";\nimport { x } from "../b/index.js";'],
      ["modules/a/b.service.ts", 'import type { X } from "../b/index.js";\nimport { y } from "./a.store.js";'],
      ["modules/a/a.store.ts", 'import { x } from "./a.service.js";\nimport { sql } from "drizzle-orm";'],
      ["modules/a/a.resolver.ts", 'import type { B } from "../b/b.service.js";'],
      ["wire/a.ts", 'export * from "../api/context.js";\nconst x = await import("../modules/a/index.js");'],
      ["errors.ts", 'import "./log.js";'],
      ["config.ts", 'import type { X } from "./modules/a/index.js";\nimport { y } from "./modules/a/index.js";'],
      ["providers/provider.ts", 'import type { Log } from "../log.js";'],
      ["providers/aws-rds.ts", 'import { x } from "./provider.js";\nimport { y } from "../cluster/cluster.js";'],
      [
        "providers/local/a.ts",
        'import { x } from "../../cluster/cluster.js";\nimport type { Y } from "../../modules/operations/index.js";\nimport { z } from "../../api/context.js";',
      ],
      ["jobs/a.ts", 'import type { Db } from "../db/client.js";\nimport { x } from "../modules/audit/index.js";'],
      ["fleet/a.ts", 'import { x } from "../modules/a/index.js";\nimport { y } from "../modules/a/a.store.js";'],
      [
        "modules/operations/windows.ts",
        'import type { Db } from "../../db/client.js";\nimport { x } from "drizzle-orm";',
      ],
      ["modules/operations/worker.ts", 'import { x } from "../inventory/inventory.store.js";'],
      ["model/a.ts", 'import { x } from "../modules/operations/operability.js";'],
      ["elsewhere/a.ts", ""],
    ],
    caught: [
      "api/a.ts imports db/tables/index.ts",
      "api/a.ts imports modules/audit/audit.store.ts",
      "modules/a/a.service.ts imports type-graphql",
      "modules/a/a.service.ts imports modules/b/index.ts",
      "modules/a/a.store.ts imports modules/a/a.service.ts",
      "modules/a/a.resolver.ts imports types of modules/b/b.service.ts",
      "wire/a.ts imports api/context.ts",
      "wire/a.ts imports modules/a/index.ts",
      "errors.ts imports log.ts",
      "config.ts imports modules/a/index.ts",
      "providers/provider.ts imports types of log.ts",
      "providers/aws-rds.ts imports cluster/cluster.ts",
      "providers/local/a.ts imports types of modules/operations/index.ts",
      "providers/local/a.ts imports api/context.ts",
      "jobs/a.ts imports modules/audit/index.ts",
      "fleet/a.ts imports modules/a/a.store.ts",
      "modules/operations/windows.ts imports types of db/client.ts",
      "modules/operations/windows.ts imports drizzle-orm",
      "modules/operations/worker.ts imports modules/inventory/inventory.store.ts",
      "model/a.ts imports modules/operations/operability.ts",
      "elsewhere/a.ts is of no layer",
    ],
  },
  {
    name: "files do not import each other in a circle",
    explanation:
      "Two files in a circle are one file in two parts. Declared types may refer to each other, through functions that run later.",
    offenders: (files) => cycles(files).filter((cycle) => !/^(model\/\w+\.ts( and )?)+$/.test(cycle)),
    bad: [
      ["a.ts", 'import { b } from "./b.js";'],
      ["b.ts", 'import type { d } from "./d.js";\nexport { c } from "./c.js";'],
      ["c.ts", 'import "./a.js";'],
      ["d.ts", 'import "./b.js";'],
    ],
    caught: ["a.ts and b.ts and c.ts"],
  },
  {
    name: "graphql-shield's rules are made in api/rules.ts only",
    explanation: "Its traps (caching by name, swallowed errors) are dealt with there, once.",
    offenders: (files) =>
      [...files]
        .filter(([file, text]) => file !== "api/rules.ts" && /["']graphql-shield["'/]/.test(text))
        .map(([file]) => file),
    bad: [
      ["api/rules.ts", 'import type { IRule } from "graphql-shield";'],
      ["api/a.ts", 'const { rule } = createRequire(import.meta.url)("graphql-shield");'],
    ],
    caught: ["api/a.ts"],
  },
  {
    name: "the environment of the process is read in config.ts only",
    explanation: "There every variable is checked, documented and defaulted.",
    offenders: (files) =>
      [...files]
        .filter(
          ([file, text]) =>
            file !== "config.ts" && /process\s*(\.|\?\.)\s*env\b|process\[|\benv\b[^;]*from "node:process"/.test(text),
        )
        .map(([file]) => file),
    bad: [
      ["config.ts", "process.env"],
      ["a.ts", "const x = process.env.X"],
      ["b.ts", 'import { env } from "node:process";'],
      ["c.ts", 'process["env"]'],
      ["d.ts", "environment.process"],
    ],
    caught: ["a.ts", "b.ts", "c.ts"],
  },
  {
    name: "the cloud's SDK is used by its provider only",
    explanation: "Everything else talks to the interface of providers.",
    offenders: (files) =>
      [...files]
        .filter(([file, text]) => file !== "providers/aws-rds.ts" && /["']@aws-sdk\//.test(text))
        .map(([file]) => file),
    bad: [["modules/a/a.service.ts", 'import { RDSClient } from "@aws-sdk/client-rds";']],
    caught: ["modules/a/a.service.ts"],
  },
  {
    name: "background work is sent and taken through jobs/jobs.ts only",
    explanation: "There jobs travel with the transaction that needs them, and fail safely.",
    offenders: (files) =>
      [...files]
        .filter(([file, text]) => !file.startsWith("jobs/") && /["']pg-boss["']/.test(text))
        .map(([file]) => file),
    bad: [
      ["jobs/jobs.ts", 'import { PgBoss } from "pg-boss";'],
      ["modules/a/a.service.ts", 'import { PgBoss } from "pg-boss";'],
    ],
    caught: ["modules/a/a.service.ts"],
  },
  {
    name: "every file begins by saying in a sentence what it owns",
    explanation: "The first line is a doc comment.",
    offenders: (files) =>
      [...files]
        .filter(([, text]) => !/^\/\*\* [A-Z"'`].*[.:](\s.*)?( \*\/)?$/m.test(text.split("\n")[0]!))
        .map(([file]) => file),
    bad: [
      ["a.ts", "/** Owns something. */\n"],
      ["b.ts", 'import x from "x";\n/** Late. */'],
    ],
    caught: ["b.ts"],
  },
  {
    name: "no file is named for what it is not",
    explanation: "utils, helpers, common and manager say nothing: name what the file owns.",
    offenders: (files) => [...files.keys()].filter((file) => /\b(utils?|helpers?|common|manager|misc)\b/i.test(file)),
    bad: [
      ["wire/utils.ts", ""],
      ["modules/a/a.helpers.ts", ""],
      ["modules/a/a.store.ts", ""],
    ],
    caught: ["wire/utils.ts", "modules/a/a.helpers.ts"],
  },
  {
    name: "no file is longer than a screen allows",
    explanation: "Over 250 lines is a question, to be answered in ANSWERED; over 400 is a defect.",
    offenders: (files) =>
      [...files]
        .filter(([file, text]) => lines(text) > (ANSWERED.has(file) ? 400 : 250))
        .map(([file, text]) => `${file}: ${lines(text)}`),
    bad: [
      ["a.ts", "\n".repeat(251)],
      ["b.ts", "\n".repeat(250)],
    ],
    caught: ["a.ts: 251"],
  },
];

const lines = (text: string) => text.split("\n").length - 1;

/** Files of more than 250 lines, and why they stay whole. */
const ANSWERED = new Map<string, string>();

const files: Files = new Map(
  readdirSync(SRC, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
    .map((entry) => posix.join(entry.parentPath, entry.name).slice(SRC.pathname.length))
    .sort()
    .map((file) => [file, readFileSync(new URL(file, SRC), "utf8")]),
);

describe.each(RULES)("$name", ({ offenders, explanation, bad, caught }) => {
  it("holds", () => expect(offenders(files), explanation).toEqual([]));
  it("catches a bad example", () => expect(offenders(new Map(bad))).toEqual(caught));
});

it("sees every file and its imports", () => {
  expect(files.size).toBeGreaterThan(80);
  const all = [...files].flatMap(([file, text]) => importsOf(file, text));
  expect(all.filter(({ ours, target }) => ours && !files.has(target))).toEqual([]);
  const keywords = [...files.values()].join("\n").match(/^(import|export .* from|\} from) .*["'];?$/gm) ?? [];
  expect(all.length).toBeGreaterThanOrEqual(keywords.length);
});

it("answers no question that is not asked any more", () => {
  expect([...ANSWERED.keys()].filter((file) => lines(files.get(file) ?? "") <= 250)).toEqual([]);
});
