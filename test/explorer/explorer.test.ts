/** The explorer as people use it, in Chromium: the page, its session, examples, docs and history. */
import { existsSync } from "node:fs";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { EMAILS, PASSWORD, signIn as signInOverHttp, testApp } from "../support/app.js";
import { isDeep } from "../support/deep.js";
import { ensureBuilt } from "../support/postern.js";

const CHROMIUM = "/usr/bin/chromium";
const isInstalled = existsSync(CHROMIUM);
if (!isInstalled) {
  console.warn(
    "LEFT OUT: the explorer in a browser, because there is no Chromium. On Debian: apt-get install chromium",
  );
}

beforeAll(ensureBuilt);
const app = testApp({ LANDING_PAGE: "true" });

/** Other work may keep the machine busy: only what hangs is to meet this. */
const PATIENCE = { timeout: 60_000 };

describe.runIf(isInstalled)("in Chromium", PATIENCE, () => {
  let browser: Browser;
  /** One for all, so that what one page has loaded the next need not. */
  let context: BrowserContext;
  beforeAll(async () => {
    browser = await chromium.launch({
      executablePath: CHROMIUM,
      args: [
        ...["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"],
        ...["--disable-background-networking", "--disable-component-update"],
      ],
    });
    context = await browser.newContext();
    context.setDefaultTimeout(PATIENCE.timeout / 2);
  });
  afterAll(() => browser?.close());
  afterEach(async () => {
    app.clock.aheadMs = 0;
    const [page, ...duplicates] = context.pages();
    await page?.evaluate("localStorage.clear()");
    for (const each of [page, ...duplicates]) await each?.close();
  });

  interface Visit {
    readonly page: Page;
    /** Requests to anywhere else, and what the console says of faults. */
    readonly faults: string[];
    /** The names of the root fields that were asked for, with the HTTP status of the answer. */
    readonly asked: string[];
  }

  /** Looks at a page for requests to elsewhere, faults and what it asks. */
  function watch({ page, faults, asked }: Visit): void {
    page.on("request", (request) => {
      const url = request.url();
      if (!url.startsWith(`${app.url}/`) && !url.startsWith("data:")) faults.push(`asks ${url}`);
    });
    page.on("response", (response) => {
      const query = response.request().postDataJSON()?.query as string | undefined;
      const [, field] = /\{\s*(?:#.*\s*)*(\w+)/.exec(query ?? "") ?? [];
      if (field) asked.push(`${field} ${response.status()}`);
    });
    page.on("pageerror", (error) => faults.push(error.message));
    page.on("console", (message) => {
      // Chromium logs every answer of 401, which some tests are about.
      if (message.type() !== "log" && !/status of 401/.test(message.text())) faults.push(message.text());
    });
  }

  async function visit(options: { width?: number } = {}): Promise<Visit> {
    const page = await context.newPage();
    await page.setViewportSize({ width: options.width ?? 1400, height: 850 });
    const visited = { page, faults: [], asked: [] };
    watch(visited);
    await page.goto(`${app.url}/graphql`);
    await page.getByRole("tab", { name: "WhoAmI" }).waitFor();
    await page.locator(".graphiql-query-editor .view-line").first().waitFor();
    return visited;
  }

  async function signIn(page: Page, email: string, password: string = PASSWORD): Promise<void> {
    await page.getByRole("button", { name: "Sign in" }).click();
    // The first field has the focus, and Enter sends the form.
    await page.keyboard.type(email);
    await page.keyboard.press("Tab");
    await page.keyboard.type(password);
    await page.keyboard.press("Enter");
  }
  async function visitAs(email: string, options?: { width: number }): Promise<Visit> {
    const visited = await visit(options);
    await signIn(visited.page, email);
    await visited.page.getByRole("button", { name: "Sign out" }).waitFor();
    return visited;
  }

  const open = (page: Page, name: string) =>
    page
      .getByRole("region", { name: "Examples" })
      .getByRole("button", { name: new RegExp(`^${name} `) })
      .click();
  const run = (page: Page) => page.getByRole("button", { name: /^Execute query/ }).click();
  const answer = (page: Page, text: string | RegExp) =>
    page.locator(".result-window .view-lines").filter({ hasText: text }).waitFor();
  const kept = (page: Page, storage: "localStorage" | "sessionStorage") =>
    page.evaluate(`JSON.stringify({ ...${storage} })`) as Promise<string>;

  it("loads from this origin alone, with its workers, and without a fault", async () => {
    const { page, faults } = await visit();
    await expect
      .poll(() => page.workers().map((worker) => new URL(worker.url()).pathname.replace(/-.*/, "")), PATIENCE)
      .toEqual(expect.arrayContaining(["/explorer/graphql.worker", "/explorer/editor.worker"]));
    // The worker of GraphQL knows the schema: it marks a field that does not exist.
    await page.locator(".graphiql-query-editor .view-lines").click();
    await page.keyboard.press("ControlOrMeta+A");
    await page.keyboard.type("{ nothingOfThisName ");
    await page.locator(".graphiql-query-editor .squiggly-error").first().waitFor();
    expect(faults).toEqual([]);
  });

  it("follows a subscription in the session, until it is stopped", async () => {
    const { page, faults } = await visitAs(EMAILS.security);
    await page.locator(".graphiql-query-editor .view-lines").click();
    await page.keyboard.press("ControlOrMeta+A");
    // One text: the editor would close each bracket that is typed by itself.
    await page.keyboard.insertText(
      'subscription { securityEventRecorded(filter: { eventType: { startsWith: "explored" } }) { eventType } }',
    );
    await run(page);
    const stop = page.getByRole("button", { name: /^Stop query/ });
    await stop.waitFor();
    for (const type of ["explored_first", "explored_second"]) {
      await vi.waitFor(async () => {
        await app.sql`insert into security_events (event_type, event_status) values (${type}, 'WARNING')`;
        await page.locator(".result-window .view-lines").filter({ hasText: type }).waitFor({ timeout: 2000 });
      }, PATIENCE);
    }
    await stop.click();
    await page.getByRole("button", { name: /^Execute query/ }).waitFor();
    expect(faults).toEqual([]);
  });

  it("shows Postern's message where it refuses to sign in, and signs in by the keyboard", async () => {
    const { page, faults } = await visit();
    await signIn(page, EMAILS.analyst, "not the password of anybody");
    await page
      .getByRole("alert")
      .filter({ hasText: "The e-mail address or the password is wrong. Check both and try again." })
      .waitFor();
    await page.getByLabel("Password").fill(PASSWORD);
    await page.keyboard.press("Enter");
    await page.getByText(EMAILS.analyst).waitFor();
    await page.getByText("ANALYST", { exact: true }).waitFor();
    expect(await page.getByRole("dialog").count()).toBe(0);
    expect(await kept(page, "localStorage")).not.toMatch(/eyJ|accessToken/);
    // A reload keeps the session, and another tab has none.
    await page.reload();
    await page.getByText(EMAILS.analyst).waitFor();
    const other = await context.newPage();
    await other.goto(`${app.url}/graphql`);
    await other.getByRole("button", { name: "Sign in" }).waitFor();
    expect(faults).toEqual([]);
  });

  it("signs in where its user has signed in before, whoever guesses elsewhere", async () => {
    const { page, faults } = await visitAs(EMAILS.otherAnalyst);
    await page.getByRole("button", { name: "Sign out" }).click();
    const guess = `mutation { signIn(input: { email: "${EMAILS.otherAnalyst}", password: "not the password" }) { accessToken } }`;
    for (let n = 0; n < 5; n++) expect((await app.anonymous.run(guess)).status).toBe(401);
    await expect(signInOverHttp(app.anonymous, EMAILS.otherAnalyst)).rejects.toThrow("is wrong");
    await signIn(page, EMAILS.otherAnalyst);
    await page.getByRole("button", { name: "Sign out" }).waitFor();
    expect(faults).toEqual([]);
  });

  it("opens an example as a tab and runs it; history keeps it", async () => {
    const { page, faults } = await visitAs(EMAILS.analyst);
    const before = (await app.sql`select count(*)::int as n from scans`)[0]?.n;
    await open(page, "CreateScan");
    await page.getByRole("tab", { name: "CreateScan" }).waitFor();
    await page.locator(".graphiql-editor-tool").getByText("https://shop.demo.example/").waitFor();
    await run(page);
    await answer(page, "createScan");
    const [scan] = await app.sql`select id, target_url from scans order by id desc limit 1`;
    expect(scan?.target_url).toBe("https://shop.demo.example/");
    expect((await app.sql`select count(*)::int as n from scans`)[0]?.n).toBe(before + 1);
    const [audit] = await app.sql`select action, resource_id, success from audit_logs order by id desc limit 1`;
    expect(audit).toEqual({ action: "scan.create", resource_id: scan?.id, success: true });
    // Opened again it is the same tab.
    await open(page, "WhoAmI");
    await open(page, "CreateScan");
    expect(await page.getByRole("tab").count()).toBe(2);
    await page.reload();
    await page.getByRole("button", { name: "Show History" }).click();
    await page
      .getByRole("button", { name: /CreateScan/ })
      .first()
      .waitFor();
    expect(faults).toEqual([]);
  });

  it.runIf(isDeep)("shows the schema's docs", async () => {
    const { page, faults } = await visit();
    await page.getByRole("button", { name: "Show Documentation Explorer" }).click();
    await page.getByRole("link", { name: "Query", exact: true }).click();
    await page.getByRole("link", { name: "scans", exact: true }).click();
    await page.getByText("ScanConnection").first().waitFor();
    expect(faults).toEqual([]);
  });

  it("refreshes an expired session once, and runs what was refused", async () => {
    const { page, asked, faults } = await visitAs(EMAILS.admin);
    app.clock.aheadMs += 16 * 60_000;
    asked.length = 0;
    await run(page);
    await answer(page, EMAILS.admin);
    expect(asked).toEqual(["viewer 401", "refreshSession 200", "viewer 200"]);
    // Near its end it is refreshed before.
    await page.evaluate(`sessionStorage.setItem("postern:session",
      JSON.stringify({ ...JSON.parse(sessionStorage.getItem("postern:session")), expiresAtMs: Date.now() }))`);
    asked.length = 0;
    await page.reload();
    await expect.poll(() => asked, PATIENCE).toEqual(["refreshSession 200", "__schema 200"]);
    asked.length = 0;
    await run(page);
    await answer(page, EMAILS.admin);
    expect(asked).toEqual(["viewer 200"]);
    expect(faults).toEqual([]);
  });

  it.runIf(isDeep)("tells why a session has ended, and ends it", async () => {
    const { page, asked } = await visitAs(EMAILS.dba);
    const { refreshToken, accessToken } = JSON.parse(JSON.parse(await kept(page, "sessionStorage"))["postern:session"]);
    await app.withToken(accessToken).run("mutation { signOut { signedOut } }");
    asked.length = 0;
    await run(page);
    await page
      .getByRole("status")
      .filter({ hasText: /sign in again/i })
      .waitFor();
    await answer(page, "UNAUTHENTICATED");
    expect(asked).toEqual(["viewer 401", "refreshSession 401"]);
    expect(await kept(page, "sessionStorage")).not.toContain(refreshToken);

    await signIn(page, EMAILS.dba);
    const { length } = await app.sql`select from sessions where revoked_at is not null`;
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByRole("button", { name: "Sign in" }).waitFor();
    await expect.poll(() => asked.at(-1), PATIENCE).toBe("signOut 200");
    expect((await app.sql`select from sessions where revoked_at is not null`).length).toBe(length + 1);
    expect(await kept(page, "sessionStorage")).not.toContain("Token");
  });

  it.runIf(isDeep)("says where Postern could not end a session", async () => {
    const { page } = await visitAs(EMAILS.viewer);
    await page.route("**/graphql", (route) =>
      route.fulfill({ status: 503, json: { errors: [{ message: "Away.", extensions: { code: "UNAVAILABLE" } }] } }),
    );
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByText("Postern could not be told").waitFor();
    await page.unroute("**/graphql");
  });

  it("keeps no secret that was typed into an example, and sends a refused sign-in once", async () => {
    const { page, asked } = await visitAs(EMAILS.security);
    await open(page, "SignIn");
    const secret = "a-secret-that-nobody-keeps";
    const variables = JSON.stringify({ input: { email: "nobody@demo.example", password: secret } });
    // As if it was pasted: what is typed, Monaco completes.
    await page.evaluate(`__MONACO.editor.getModels().find(({ uri }) => uri.path.endsWith("variables.json"))
      .setValue(${JSON.stringify(variables)})`);
    asked.length = 0;
    await run(page);
    await answer(page, "UNAUTHENTICATED");
    expect(asked).toEqual(["signIn 401"]);
    await expect.poll(() => kept(page, "localStorage"), PATIENCE).toContain("nobody@demo.example");
    expect(await kept(page, "localStorage")).not.toContain(secret);
  });

  it.runIf(isDeep)("shares a refreshed session with a duplicate of its tab", async () => {
    const { page } = await visitAs(EMAILS.viewer);
    const session = JSON.parse(await kept(page, "sessionStorage"))["postern:session"] as string;
    const duplicate = await context.newPage();
    await duplicate.addInitScript(`sessionStorage.setItem("postern:session", ${JSON.stringify(session)})`);
    await duplicate.goto(`${app.url}/graphql`);
    await duplicate.getByText(EMAILS.viewer).waitFor();
    await page.bringToFront();
    app.clock.aheadMs += 16 * 60_000;
    await run(page);
    await answer(page, EMAILS.viewer);
    await expect
      .poll(() => kept(duplicate, "sessionStorage"), PATIENCE)
      .not.toContain(JSON.parse(session).refreshToken);
    expect(await kept(duplicate, "sessionStorage")).toBe(await kept(page, "sessionStorage"));
    await page.getByRole("button", { name: "Sign out" }).click();
    await duplicate.getByRole("button", { name: "Sign in" }).waitFor();
  });

  it.runIf(isDeep)("fits a narrow window", async () => {
    const { page, faults } = await visitAs(EMAILS.viewer, { width: 390 });
    await page.getByRole("button", { name: "Show Examples" }).click();
    await open(page, "FirstRead");
    await run(page);
    await answer(page, "totalCount");
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(390);
    expect(faults).toEqual([]);
  });
});
