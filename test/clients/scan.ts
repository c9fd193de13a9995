/** Scans that clients look at. */
import type { TestApp } from "../support/app.js";

let number = 0;

/** @param titles of its vulnerabilities @returns a scan of the first organization */
export async function createScan(
  app: TestApp,
  titles: readonly string[] = [],
): Promise<{ id: string; nodeId: string }> {
  const admin = await app.as("admin");
  const scan = { organizationId: "1", scanType: "CLIENT", targetUrl: `https://client-${number++}.example/` };
  const { data } = await admin.run(
    "mutation($input: CreateScanInput!) { createScan(input: $input) { scan { id nodeId } } }",
    { input: scan },
  );
  const items = titles.map((title) => ({ title, vulnType: "XSS", severity: "LOW" }));
  if (items.length > 0)
    await admin.run(
      "mutation($input: CreateVulnerabilitiesInput!) { createVulnerabilities(input: $input) { scan { id } } }",
      { input: { scanId: data.createScan.scan.id, items } },
    );
  return data.createScan.scan;
}
