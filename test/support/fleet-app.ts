/** What the tests of the fleet ask, and where they look behind the answers. */
import { type Answer, type Client, signIn, type TestApp } from "./app.js";

// biome-ignore lint/suspicious/noExplicitAny: answers are looked at, not computed with
type Json = any;

export const OPERATION = `
  id type status success resourceStatus parameters result requestedBy requestedAt startedAt endedAt durationSeconds
  settledAt settlement instance { id identifier }
  error { code message guidance } progress { at resourceStatus message percent }
  snapshot { id identifier arn status sizeBytes createdAt tags { key value } }`;

export type Verb =
  | "createSnapshot"
  | "deleteSnapshot"
  | "restoreSnapshot"
  | "rebootInstance"
  | "modifyBackupWindow"
  | "stopInstance"
  | "startInstance"
  | "retryOperation"
  | "modifyInstanceClass"
  | "setInstanceTags"
  | "changeParameterGroup"
  | "cancelOperation";

/** Requests or cancels an operation. */
export function ask(client: Client, verb: Verb, input: Record<string, unknown>): Promise<Answer> {
  const type = `${verb[0]?.toUpperCase()}${verb.slice(1)}Input`;
  return client.run(`mutation($input: ${type}!) { ${verb}(input: $input) { operation { ${OPERATION} } } }`, { input });
}

/** As `ask`. @returns the operation @throws where it is refused */
export async function accepted(client: Client, verb: Verb, input: Record<string, unknown>): Promise<Json> {
  const { data, errors } = await ask(client, verb, input);
  if (errors) throw new Error(JSON.stringify(errors));
  return data[verb].operation;
}

/** @returns the fields of the plan of a request @throws where there is none */
export async function planned(client: Client, verb: Verb, input: object, fields: string): Promise<Json> {
  const query = `query($input: PlanOperationInput!) { planOperation(input: $input) { ${fields} } }`;
  const { data, errors } = await client.run(query, { input: { [verb]: input } });
  if (errors) throw new Error(JSON.stringify(errors));
  return data.planOperation;
}

export async function operationOf(client: Client, id: string): Promise<Json> {
  const { data, errors } = await client.run(`query($id: ID!) { operation(id: $id) { ${OPERATION} } }`, { id });
  if (errors) throw new Error(JSON.stringify(errors));
  return data.operation;
}

export async function instanceOf(client: Client, id: string, fields: string): Promise<Json> {
  const { data, errors } = await client.run(`query($id: ID!) { instance(id: $id) { ${fields} } }`, { id });
  if (errors) throw new Error(JSON.stringify(errors));
  return data.instance;
}

/** @returns a client of another administrator than the demo's */
export const secondAdmin = async (app: TestApp): Promise<Client> =>
  app.withToken((await signIn(app.anonymous, "root@postern.example")).accessToken);

/** Decides about a proposal: confirms it unless told otherwise. */
export const decide = (client: Client, id: string, rest: object = {}): Promise<Answer> =>
  client.run(
    `mutation($input: ConfirmEnvironmentProposalInput!) { confirmEnvironmentProposal(input: $input) {
      proposal { id status comment decidedBy { kind email name } decidedAt } } }`,
    { input: { id, ...rest } },
  );

/** Maps an instance or an account as two administrators: the second confirms what waits. */
export async function mapByTwo(app: TestApp, input: object): Promise<void> {
  const { data, errors } = await (await app.as("admin")).run(
    "mutation($input: SetEnvironmentMappingInput!) { setEnvironmentMapping(input: $input) { proposal { id } } }",
    { input: { reason: "As agreed in OPS-7.", ...input } },
  );
  const id = data?.setEnvironmentMapping?.proposal?.id;
  const faults = errors ?? (id && (await decide(await secondAdmin(app), id)).errors);
  if (faults) throw new Error(JSON.stringify(faults));
}

export const ENVIRONMENT = `id environment { environment decidedBy conflict dispute evidence { method environment detail } }
  availableOperations { type allowed reason } vanishedAt`;

/** The audit records of an operation, oldest first. */
export const recordsOf = (app: TestApp, operationId: string) =>
  app.sql`
    select action, actor, parameters, result, success, duration_seconds, request_id from audit_logs
    where resource_type = 'operation' and resource_id = ${operationId} order by id`;

/** What there is now of everything that a request may leave. */
async function marksOf({ sql }: TestApp) {
  const [marks] = await sql`
    select (select coalesce(max(id), 0) from audit_logs)::int as audit,
      (select coalesce(max(id), 0) from security_events)::int as events,
      (select count(*) from operations)::int as operations, (select count(*) from snapshots)::int as snapshots`;
  return marks as { audit: number; events: number; operations: number; snapshots: number };
}

/** @returns what `work` left: records, events, and how many operations and snapshots there are more */
export async function leftBy<T>(app: TestApp, work: () => Promise<T>) {
  const before = await marksOf(app);
  const answer = await work();
  const after = await marksOf(app);
  return {
    answer,
    records: await app.sql`
      select action, resource_type, actor, parameters, result, success, duration_seconds from audit_logs
      where id > ${before.audit} order by id`,
    events: await app.sql`
      select event_type, event_status, metadata from security_events where id > ${before.events} order by id`,
    operations: after.operations - before.operations,
    snapshots: after.snapshots - before.snapshots,
  };
}

/** Makes a task that runs by itself every minute run within the next seconds, as its schedule would. */
export async function hasten(app: TestApp, task: string): Promise<void> {
  const [job] = await app.sql`insert into pgboss.job (name) values (${task}) returning id`;
  for (const deadline = Date.now() + 15_000; Date.now() < deadline; ) {
    const rows = await app.sql`select from pgboss.job where id = ${job?.id} and state = 'completed'`;
    if (rows.length > 0) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`The task ${task} does not end`);
}
