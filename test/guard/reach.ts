/** The words in which layers and roles say what may be imported. */

/** The order in which domains may know each other: a module knows the faces of its own domain and of earlier ones. */
export const DOMAINS = ["identity", "data", "evidence", "fleet", "backups", "monitoring", "targets", "governance"];

/** The module that a file belongs to, else its folder at the top. */
const owner = (file: string) => file.split("/", file.startsWith("modules/") ? 3 : 1).join("/");
const domain = (file: string) => DOMAINS.indexOf(file.split("/")[1] ?? "");

export type Reach = RegExp | ((target: string, file: string) => boolean);

export const OWN: Reach = (target, file) => owner(target) === owner(file);
export const FACE = /^modules\/[\w-]+\/[\w-]+\/index\.ts$/;
export const EARLIER_FACE: Reach = (target, file) => FACE.test(target) && domain(target) <= domain(file);
/** What everything may know: it knows nothing of ours. */
export const BASE = /^((cache|durability|errors|limits|log|timings|start-fault)\.ts$|values\/)/;
export const ERRORS = /^errors\.ts$/;
export const VALUES = /^values\//;
export const AUTH = /^auth\//;
export const AUDIT = /^audit\//;
export const ENGINE = /^engine\//;
export const DB = /^db\//;
/** Who may ask how often, for whoever counts what is asked. */
export const RATE_LIMITS = /^rate-limits\/index\.ts$/;
export const TABLES = /\.table\.ts$/;
export const MODULE = /^module\.ts$/;
/** Plain data of who may come, and call what. */
export const RULES = /^auth\/(rules|permissions|password-policy)\.ts$/;
/** What modules read of the environment. */
export const VARIABLES = /\.variables\.ts$/;
/** What Postern asks of whatever sees and operates instances. */
export const PORT = /^providers\/(provider|deed|member|snapshot)\.ts$/;
/** Files of a module whose names say nothing else are pure decisions. */
export const DECISION = /^modules\/[\w-]+\/[\w-]+\/(?!index\.ts$)[\w-]+\.ts$/;

export const GRAPHQL = /^(graphql($|-|\/)|type-graphql|@apollo\/)/;
export const GRAPHQL_OR_STORE = /^(graphql($|-|\/)|type-graphql|@apollo\/|drizzle-orm|pg-boss)/;

export interface Layer {
  readonly name: string;
  readonly files: RegExp;
  /** What they may import of ours. */
  readonly may: readonly Reach[];
  /** The same, only as types. */
  readonly types?: readonly Reach[];
  /** Packages that are barred; the others are free. */
  readonly never?: RegExp;
  /** A file of it, and which of its imports are caught. */
  readonly bad: readonly [file: string, text: string];
  readonly caught: readonly string[];
}
