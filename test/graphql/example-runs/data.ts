/** What the examples of the platform's own data answer, and what they leave. */
import { expect } from "vitest";
import { type ExampleKit, type Run, readExample } from "../../support/examples.js";

export const dataRuns = ({ app, count, newScan }: ExampleKit): Record<string, Run> => ({
  "first-read": {
    answers({ scans }) {
      expect(scans.nodes).toHaveLength(5);
    },
  },
  "nested-read": {
    async answers({ scan }) {
      expect(scan.organization.name).toBe("Harbour Bank");
      expect(scan.organization.users.nodes).toHaveLength(2);
      expect(scan.vulnerabilities.totalCount).toBe(await count("vulnerabilities", "scan_id = 6"));
      expect(scan.vulnerabilities.totalCount).toBeGreaterThan(0);
      const gravity = ["CRITICAL", "HIGH", "MEDIUM", "LOW", "INFO"];
      const found = scan.vulnerabilities.nodes.map(({ severity }: { severity: string }) => gravity.indexOf(severity));
      expect(found).toEqual(found.toSorted((a: number, b: number) => a - b));
    },
  },
  "filter-order-page": {
    async answers({ vulnerabilities: page }, client, variables) {
      expect(page.edges).toHaveLength(3);
      expect(page.pageInfo).toMatchObject({ hasNextPage: true, hasPreviousPage: false });
      const next = await client.run(readExample("filter-order-page.graphql").text, {
        ...variables,
        after: page.pageInfo.endCursor,
      });
      expect(next.data.vulnerabilities.pageInfo.hasPreviousPage).toBe(true);
      const ids = [...page.edges, ...next.data.vulnerabilities.edges].map(({ node }) => node.id);
      expect(new Set(ids).size).toBe(6);
    },
  },
  "related-rows": {
    async answers({ scans }) {
      const where = `s.organization_id = 1 and exists (select from vulnerabilities where scan_id = s.id and severity in ('CRITICAL', 'HIGH'))
        and not exists (select from vulnerabilities where scan_id = s.id and vuln_type = 'CSRF')`;
      const all = await app.sql.unsafe(
        `select s.id::text from scans s where ${where} order by s.started_at desc, s.id desc`,
      );
      const names = scans.nodes.map(({ organization }: { organization: { name: string } }) => organization.name);
      const own = scans.nodes.filter((_: unknown, index: number) => names[index] === "Harbour Bank");
      expect(own.map(({ id }: { id: string }) => ({ id }))).toEqual(all.slice(0, own.length));
      expect(own.length).toBeGreaterThan(1);
      expect(names).toEqual(names.toSorted());
      for (const { vulnerabilities } of scans.nodes) {
        for (const { severity } of vulnerabilities.nodes) expect(["CRITICAL", "HIGH"]).toContain(severity);
        expect(vulnerabilities.nodes.length).toBeGreaterThan(0);
      }
    },
  },
  "scan-figures": {
    answers({ scans, vulnerabilities }) {
      const sum = (groups: { aggregate: { count: number } }[]) =>
        groups.reduce((total, { aggregate }) => total + aggregate.count, 0);
      expect(scans.groups.length).toBeGreaterThan(5);
      expect(sum(scans.groups)).toBe(scans.aggregate.count);
      expect(sum(vulnerabilities.groups)).toBe(scans.aggregate.sum.vulnerabilitiesFound);
      const counts = vulnerabilities.groups.map(({ aggregate }: { aggregate: { count: number } }) => aggregate.count);
      expect(counts).toEqual(counts.toSorted((a: number, b: number) => b - a));
    },
  },
  "create-scan": {
    async answers({ createScan: { scan } }) {
      expect(scan).toMatchObject({ version: 1, status: "PENDING", organization: { name: "Harbour Bank" } });
      expect(await count("scans", `id = ${scan.id} and target_url = 'https://shop.demo.example/'`)).toBe(1);
      expect(await count("audit_logs", `action = 'scan.create' and resource_id = '${scan.id}' and success`)).toBe(1);
    },
  },
  "create-scans": {
    async answers({ createScans: { scans } }, client, variables) {
      expect(scans.map(({ status }: { status: string }) => status)).toEqual(["PENDING", "RUNNING"]);
      const again = await client.run(readExample("create-scans.graphql").text, variables);
      expect(again.data.createScans.scans).toEqual(scans);
      const ids = scans.map(({ id }: { id: string }) => id);
      expect(await count("scans", `scan_type = 'NIGHTLY' and id in (${ids})`)).toBe(2);
    },
  },
  "update-scans": {
    async input() {
      await app.sql`
        insert into scans (organization_id, target_url, scan_type, status) values
          (1, 'https://x.example/', 'STALE', 'PENDING'), (1, 'https://x.example/', 'STALE', 'RUNNING'),
          (1, 'https://x.example/', 'STALE', 'FAILED')`;
      return {};
    },
    async answers({ updateScans: { scans } }) {
      expect(scans).toMatchObject(Array(2).fill({ status: "CANCELLED", version: 2 }));
      expect(await count("scans", "scan_type = 'STALE' and status = 'FAILED' and version = 1")).toBeGreaterThan(0);
    },
  },
  "upsert-organization": {
    async answers({ upsertOrganization: { created, organization } }, client, variables) {
      expect([created, organization.version]).toEqual([true, 1]);
      const again = await client.run(readExample("upsert-organization.graphql").text, variables);
      expect(again.data.upsertOrganization).toEqual({ created: false, organization: { ...organization, version: 2 } });
    },
  },
  "update-scan": {
    input: async () => ({ id: await newScan() }),
    async answers({ updateScan: { scan } }) {
      expect(scan).toMatchObject({ version: 2, status: "COMPLETED" });
      expect(await count("scans", `id = ${scan.id} and status = 'COMPLETED' and version = 2`)).toBe(1);
    },
  },
  "delete-scan": {
    input: async () => ({ id: await newScan() }),
    async answers({ deleteScan: { deletedScanId } }) {
      expect(await count("scans", `id = ${deletedScanId}`)).toBe(0);
    },
  },
  "create-vulnerabilities": {
    input: async () => ({ scanId: await newScan() }),
    async answers({ createVulnerabilities: { scan, vulnerabilities } }) {
      expect(scan.vulnerabilitiesFound).toBe(2);
      expect(vulnerabilities.map(({ severity }: { severity: string }) => severity)).toEqual(["HIGH", "LOW"]);
      expect(await count("vulnerabilities", `scan_id = ${scan.id}`)).toBe(2);
    },
  },
});
