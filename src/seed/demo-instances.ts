/** The demo fleet: three small local instances with data, to look at and to operate on. */
import postgres from "postgres";
import type { Log } from "../log.js";
import type { LocalProvider } from "../providers/local.js";

type Creator = Pick<LocalProvider, "create" | "plan">;
type NewInstance = Parameters<LocalProvider["create"]>[0];
type ConnectionOptions = Parameters<NonNullable<NewInstance["fill"]>>[0];

const COMMON = { maintenanceWindow: "sun:05:00-sun:06:00", backupRetentionDays: 7 } as const;
const tagged = (environment: string) => [
  { key: "Environment", value: environment },
  { key: "Team", value: "Platform" },
];

const FLEET = [
  // This one comes first because it takes longest.
  {
    identifier: "test-postgres-01",
    tags: tagged("Test"),
    backupWindow: "02:00-02:30",
    standby: true,
    autoFailover: { afterSeconds: 30, maxLagBytes: 16_777_216 },
  },
  { identifier: "dev-postgres-01", tags: tagged("Development"), backupWindow: "01:00-01:30", standby: false },
  { identifier: "prod-postgres-01", tags: tagged("Production"), backupWindow: "03:00-03:30", standby: false },
] as const;

/** The tables of a shop, as an application would have them. */
const APPLICATION = `
  create table customers (
    id bigint generated always as identity primary key,
    name text not null,
    email text not null unique,
    created_at timestamptz not null
  );
  create table products (
    id bigint generated always as identity primary key,
    name text not null,
    price numeric(10, 2) not null check (price > 0)
  );
  create table orders (
    id bigint generated always as identity primary key,
    customer_id bigint not null references customers,
    product_id bigint not null references products,
    quantity integer not null check (quantity > 0),
    ordered_at timestamptz not null
  );
  create index orders_customer_idx on orders (customer_id);
  insert into customers (name, email, created_at)
    select 'Customer ' || n, 'customer' || n || '@demo.example', timestamptz '2026-01-05 08:00Z' + n * interval '3 hours'
      from generate_series(1, 300) as n;
  insert into products (name, price) select 'Product ' || n, 5 + n % 90 from generate_series(1, 200) as n;
  insert into orders (customer_id, product_id, quantity, ordered_at)
    select 1 + n % 300, 1 + n * 7 % 200, 1 + n % 5, timestamptz '2026-02-01 08:00Z' + n * interval '1 hour'
      from generate_series(1, 800) as n;
`;

export const DEMO_INSTANCES: readonly NewInstance[] = FLEET.map((instance) => ({ ...COMMON, ...instance, fill }));

/**
 * Creates those of these instances that are missing, all at the same time. A creation that fails leaves nothing behind.
 * @param onChange is called after each creation
 * @throws Error where an instance cannot be created; the others are created all the same
 */
export async function ensureDemoInstances(
  provider: Creator,
  instances: readonly NewInstance[],
  log: Log,
  onChange: () => Promise<void> = async () => undefined,
): Promise<void> {
  const create = async (instance: NewInstance) => {
    await provider.create(instance).finally(onChange);
    log.info({ instance: instance.identifier }, "instance created");
  };
  const creations = await Promise.allSettled((await provider.plan(instances)).map(create));
  for (const creation of creations) if (creation.status === "rejected") throw creation.reason;
}

async function fill(connection: ConnectionOptions): Promise<void> {
  await run(connection, "create database app");
  await run({ ...connection, database: "app" }, APPLICATION);
}

async function run(connection: ConnectionOptions, statements: string): Promise<void> {
  const sql = postgres({ ...connection, max: 1, onnotice: () => {} });
  try {
    await sql.unsafe(statements);
  } finally {
    await sql.end({ timeout: 5 });
  }
}
