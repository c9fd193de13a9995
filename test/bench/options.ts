/** The command line of the benchmark. */
import { existsSync } from "node:fs";
import { parseArgs } from "node:util";
import { COMPARED, SERVERS, type ServerName, WORKLOADS, type Workload } from "./workloads.js";

/** What is measured, beside each other in the table. */
export const PARTS = ["cells", "statements", "growth", "memory", "documents"] as const;
export type Part = (typeof PARTS)[number];

export interface Options {
  readonly seconds: number;
  readonly warmup: number;
  readonly rounds: number;
  readonly turns: number;
  readonly connections: number;
  readonly patience: number;
  readonly servers: readonly ServerName[];
  readonly workloads: readonly Workload[];
  readonly parts: readonly Part[];
  readonly fresh: boolean;
  readonly dataDir: string;
  readonly binaries: string | undefined;
  readonly profile: Workload | "documents" | undefined;
  /** A revision of git: what the server `before` is built of. */
  readonly before: string | undefined;
  readonly hostile: boolean;
  readonly flood: boolean;
}

/** As Debian and Ubuntu package it, which is what is deployed; the embedded build takes longer to write JSON. */
const PACKAGED = "/usr/lib/postgresql/15/bin";
const EMBEDDED = "embedded";

const HELP = `npm run bench -- [options]

  --quick                     three minutes: --rounds 1 --turns 1 --seconds 3 --warmup 1.5 --no-large
  --rounds 3                  each with fresh processes; with the server before 5
  --warmup 3                  seconds of each workload before a process is measured
  --turns 2                   measurements of each server and workload in a round
  --seconds 4                 of each measurement
  --connections 32
  --patience 60               seconds to wait with each measurement, and to repeat it, until the machine does little else
  --servers ${COMPARED.join()}
                              also floorEach and mercuriusEach, which have a client of the driver for each connection, as Postern;
                              ideal, which sends Postern's own statements and does nothing else; and before, Postern as it was,
                              on the same database: by default only the cells are measured then
  --before revision           what the server before is built of, in a worktree in the folder for temporary files; by default HEAD
                              where src differs from it, else HEAD~1
  --workloads ${WORKLOADS.join()}
  --parts ${PARTS.join()}
                              cells are the servers by the workloads; the others are measured beside them
  --no-large                  leave out growth, which needs a database ten times as large (8 GB, loaded in minutes)
  --fresh                     load the data anew
  --data-dir .postern-bench   where the database is kept between runs
  --postgres-bin folder       of a build of PostgreSQL 15; by default ${PACKAGED} where there is one, else \`${EMBEDDED}\`
  --profile W1                instead: where Postern (or the one of --servers) spends its time in that workload, or
                              in 200 documents in rotation (documents)
  --hostile                   instead: how long another tenant waits, quiet and beside each hostile load
  --flood                     instead: how long a reader waits, quiet and beside 200 connections that guess passwords
`;

function names<Name extends string>(option: string, text: string | undefined, known: readonly Name[]): Name[] {
  const given = text === undefined ? known : text.split(",").filter(Boolean);
  const unknown = given.find((name) => !known.includes(name as Name));
  if (unknown !== undefined) throw new Error(`--${option}: ${unknown} is none of ${known.join()}`);
  return given as Name[];
}

function positive(option: string, text: string): number {
  const number = Number(text);
  if (!(number > 0)) throw new Error(`--${option}: ${text} is no number above 0`);
  return number;
}

function binariesOf(given: string | undefined): string | undefined {
  if (given === EMBEDDED) return undefined;
  return given ?? (existsSync(PACKAGED) ? PACKAGED : undefined);
}

/** @throws Error, for people to read; undefined where only help was asked for */
export function readOptions(args: readonly string[]): Options | undefined {
  const text = { type: "string" } as const;
  const flag = { type: "boolean", default: false } as const;
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: flag,
      fresh: flag,
      "no-large": flag,
      help: flag,
      seconds: text,
      warmup: text,
      rounds: text,
      turns: text,
      connections: text,
      patience: text,
      servers: text,
      workloads: text,
      parts: text,
      "data-dir": text,
      "postgres-bin": text,
      profile: text,
      before: text,
      hostile: flag,
      flood: flag,
    },
  });
  if (values.help) {
    console.log(HELP);
    return undefined;
  }
  const { quick, hostile, flood } = values;
  const withoutLarge = quick || values["no-large"];
  const profile =
    values.profile === undefined ? undefined : names("profile", values.profile, [...WORKLOADS, "documents"])[0];
  const servers = names("servers", values.servers ?? (profile ? "postern" : COMPARED.join()), SERVERS);
  const hasBefore = servers.includes("before");
  if (values.before !== undefined && !hasBefore) throw new Error("--before: name the server before in --servers too");
  return {
    seconds: positive("seconds", values.seconds ?? (quick ? "3" : "4")),
    warmup: positive("warmup", values.warmup ?? (quick ? "1.5" : "3")),
    rounds: positive("rounds", values.rounds ?? (hasBefore ? "5" : quick ? "1" : "3")),
    turns: positive("turns", values.turns ?? (quick ? "1" : "2")),
    connections: positive("connections", values.connections ?? "32"),
    patience: values.patience === undefined ? 0 : positive("patience", values.patience),
    servers,
    workloads: names("workloads", values.workloads, WORKLOADS),
    parts: names("parts", values.parts ?? (hasBefore ? "cells" : undefined), PARTS).filter(
      (part) => part !== "growth" || !withoutLarge,
    ),
    fresh: values.fresh,
    dataDir: values["data-dir"] ?? ".postern-bench",
    binaries: binariesOf(values["postgres-bin"]),
    profile,
    before: values.before,
    hostile,
    flood,
  };
}
