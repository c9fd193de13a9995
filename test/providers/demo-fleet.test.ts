/** The demo fleet: complete, made once, and completed where something of it is missing. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { createLog } from "../../src/log.js";
import type { LocalProvider } from "../../src/providers/local.js";
import { DEMO_INSTANCES, ensureDemoInstances } from "../../src/seed/demo-instances.js";
import { listAll, query, untilStreaming, useGround } from "../support/ground.js";

const ground = useGround();
const log = createLog("silent");
let provider: LocalProvider;

beforeAll(async () => {
  provider = await ground.open();
  await ensureDemoInstances(provider, DEMO_INSTANCES, log);
});
afterAll(() => provider.stopAll());

test("three instances, one of each environment, and one with a standby", async () => {
  const fleet = (await listAll(provider)).map(
    ({ identifier, status, multiAz, tags, backupWindow, maintenanceWindow }) => {
      const environment = tags.find(({ key }) => key === "Environment")?.value;
      return { identifier, status, multiAz, environment, backupWindow, maintenanceWindow };
    },
  );
  const common = { status: "available", maintenanceWindow: "sun:05:00-sun:06:00" };
  expect(fleet.sort((one, other) => one.identifier.localeCompare(other.identifier))).toEqual([
    {
      ...common,
      identifier: "dev-postgres-01",
      multiAz: false,
      environment: "Development",
      backupWindow: "01:00-01:30",
    },
    {
      ...common,
      identifier: "prod-postgres-01",
      multiAz: false,
      environment: "Production",
      backupWindow: "03:00-03:30",
    },
    { ...common, identifier: "test-postgres-01", multiAz: true, environment: "Test", backupWindow: "02:00-02:30" },
  ]);
  await untilStreaming(provider, "test-postgres-01");
});

test("once it is there nothing changes, and what is missing is made again with its data", async () => {
  const before = await listAll(provider);
  await ensureDemoInstances(provider, DEMO_INSTANCES, log);
  expect(await listAll(provider)).toEqual(before);

  await provider.destroy("dev-postgres-01");
  expect(await listAll(provider)).toHaveLength(2);
  await ensureDemoInstances(provider, DEMO_INSTANCES, log);
  expect(await listAll(provider)).toHaveLength(3);
  const counts = await query(
    provider,
    "dev-postgres-01",
    (sql) => sql`
      select (select count(*)::int from customers) as customers, (select count(*)::int from products) as products,
             (select count(*)::int from orders) as orders`,
    { database: "app" },
  );
  expect(counts).toEqual([{ customers: 300, products: 200, orders: 800 }]);
});
