/** Conventions of the source that a search in its text proves. */
import { prove } from "./source.js";

const lines = (text: string) => text.split("\n").length - 1;

prove([
  {
    name: "app.ts lists what there is, and has no room for more",
    explanation: "What it would do itself belongs in a module, or in what it calls: 120 lines read like a sentence.",
    offenders: (files) =>
      [...files].filter(([file, text]) => file === "app.ts" && lines(text) > 120).map(([file]) => file),
    bad: [
      ["app.ts", "\n".repeat(121)],
      ["b.ts", "\n".repeat(121)],
    ],
    caught: ["app.ts"],
  },
  {
    name: "graphql-shield's rules are made in graphql/access only",
    explanation: "Its traps (caching by name, swallowed errors) are dealt with there, once.",
    offenders: (files) =>
      [...files]
        .filter(([file, text]) => !file.startsWith("graphql/access/") && /["']graphql-shield["'/]/.test(text))
        .map(([file]) => file),
    bad: [
      ["graphql/access/rules.ts", 'import type { IRule } from "graphql-shield";'],
      ["graphql/a.ts", 'const { rule } = createRequire(import.meta.url)("graphql-shield");'],
    ],
    caught: ["graphql/a.ts"],
  },
  {
    name: "the environment of the process is read in config.ts only",
    explanation: "There every variable is checked, documented and defaulted.",
    offenders: (files) =>
      [...files]
        .filter(
          ([file, text]) =>
            file !== "config.ts" &&
            /(?<!")process\s*(\.|\?\.)\s*env\b|process\[|\benv\b[^;]*from "node:process"/.test(text),
        )
        .map(([file]) => file),
    bad: [
      ["config.ts", "process.env"],
      ["a.ts", "const x = process.env.X"],
      ["b.ts", 'import { env } from "node:process";'],
      ["c.ts", 'process["env"]'],
      ["d.ts", "environment.process"],
      // A bundler is told what stands for it in a browser.
      ["e.ts", '({ define: { "process.env.X": "1" } })'],
    ],
    caught: ["a.ts", "b.ts", "c.ts"],
  },
  {
    name: "the cloud's SDK is used by its provider only",
    explanation: "Everything else talks to the interface of providers.",
    offenders: (files) =>
      [...files]
        .filter(([file, text]) => !/^providers\/aws-rds(\.ts$|\/)/.test(file) && /["']@aws-sdk\//.test(text))
        .map(([file]) => file),
    bad: [
      ["providers/aws-rds/a.ts", 'import { RDSClient } from "@aws-sdk/client-rds";'],
      ["modules/a/a.service.ts", 'import { RDSClient } from "@aws-sdk/client-rds";'],
    ],
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
    name: "errors are made by the constructors of errors.ts only",
    explanation: "There each code has its own, which fills what callers learn with it.",
    offenders: (files) =>
      [...files].filter(([file, text]) => file !== "errors.ts" && /new AppError\(/.test(text)).map(([file]) => file),
    bad: [
      ["errors.ts", "new AppError("],
      ["modules/a/a.service.ts", 'throw new AppError("CONFLICT", "No.");'],
      ["modules/a/b.service.ts", 'error instanceof AppError || conflict("No.")'],
    ],
    caught: ["modules/a/a.service.ts"],
  },
  {
    name: "faults of the database become ours in db/client.ts only",
    explanation: "Statements run there: whoever runs one meets AppErrors, and translates nothing.",
    offenders: (files) =>
      [...files]
        .filter(
          ([file, text]) => !/^db\/(client|postgres-errors)\.ts$/.test(file) && /\bfromPostgres(Read)?\b/.test(text),
        )
        .map(([file]) => file),
    bad: [
      ["db/client.ts", "throw fromPostgresRead(error);"],
      ["modules/a/a.store.ts", ".catch((error) => Promise.reject(fromPostgres(error)))"],
      ["graphql/a.ts", 'import { fromPostgresRead } from "../db/postgres-errors.js";'],
      ["engine/write/rows.ts", "isDependentsError(error)"],
    ],
    caught: ["modules/a/a.store.ts", "graphql/a.ts"],
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
      ["values/utils.ts", ""],
      ["modules/a/a.helpers.ts", ""],
      ["modules/a/a.store.ts", ""],
    ],
    caught: ["values/utils.ts", "modules/a/a.helpers.ts"],
  },
  {
    name: "no file is longer than a screen allows",
    explanation: "What takes more than 250 lines owns more than one thing.",
    offenders: (files) =>
      [...files].filter(([, text]) => lines(text) > 250).map(([file, text]) => `${file}: ${lines(text)}`),
    bad: [
      ["a.ts", "\n".repeat(251)],
      ["b.ts", "\n".repeat(250)],
    ],
    caught: ["a.ts: 251"],
  },
]);
