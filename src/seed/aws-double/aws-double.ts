/** A server that answers as RDS and STS do: for the demo, and for tests. It listens on this host only, and keeps everything in memory. */
import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { AwsFault } from "./aws-fault.js";
import { type CallParameters, createCallParameters } from "./call-parameters.js";
import { type AwsAccount, type AwsCaller, type AwsCredentials, createAwsCallers } from "./callers.js";
import { CLUSTER_ACTIONS } from "./clusters.js";
import { EVENT_ACTIONS } from "./events.js";
import { type AwsCall, createFaults, type Fault, type FaultRule, refusalOf } from "./faults.js";
import { INSTANCE_ACTIONS } from "./instances.js";
import { MODIFY_INSTANCE_ACTIONS } from "./modify-instance.js";
import { PARAMETER_GROUP_ACTIONS } from "./parameter-groups.js";
import { createRegion, type RdsAction, type Region } from "./region.js";
import { createRegionControls, type RegionControls } from "./region-controls.js";
import { RESTORE_ACTIONS } from "./restores.js";
import { readSignature } from "./signature.js";
import { SNAPSHOT_ACTIONS } from "./snapshots.js";
import { STS_ACTIONS } from "./sts.js";
import { TAG_ACTIONS } from "./tags.js";
import { type Clock, createTimeline } from "./timeline.js";
import { type ServiceName, type XmlObject, xmlAnswer, xmlFault } from "./xml.js";

const RDS_ACTIONS: Readonly<Record<string, RdsAction>> = {
  ...INSTANCE_ACTIONS,
  ...MODIFY_INSTANCE_ACTIONS,
  ...PARAMETER_GROUP_ACTIONS,
  ...CLUSTER_ACTIONS,
  ...SNAPSHOT_ACTIONS,
  ...RESTORE_ACTIONS,
  ...EVENT_ACTIONS,
  ...TAG_ACTIONS,
};

const MAX_BODY_BYTES = 262_144;
const MAX_PARAMETERS = 5000;
/** More calls than that are forgotten, the oldest first. */
const MAX_CALLS = 20_000;
const REGION_NAME = /^[a-z]{2}(-[a-z]{2,10}){1,2}-\d$/;
const MAX_REGIONS = 40;
const VERSIONS: Readonly<Record<ServiceName, string>> = { rds: "2014-10-31", sts: "2011-06-15" };

export interface AwsDouble {
  /** Where it listens; as AWS_ENDPOINT_URL it serves every region and both services. */
  readonly url: string;
  /** The key of a user of the first account. */
  readonly credentials: AwsCredentials;
  credentialsOf(accountId: string): AwsCredentials;
  /** Every call with a good signature, the oldest first. */
  readonly calls: readonly AwsCall[];
  /** @returns how many calls of an action were done, whether or not their answers arrived */
  done(action: string): number;
  forgetCalls(): void;
  readonly clock: Clock & { advance(milliseconds: number): void };
  /** From now on calls behave as the rule says, in the order of the rules. */
  fault(rule: FaultRule): Fault;
  endFaults(): void;
  expireSessions(accountId: string): void;
  region(accountId: string, name: string): RegionControls;
  stop(): Promise<void>;
}

interface ReadCall {
  readonly service: ServiceName;
  readonly caller: AwsCaller;
  readonly parameters: CallParameters;
  readonly call: AwsCall;
}

/** @throws AwsFault where it is too large */
async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  // A request that is refused for its size still gets its answer.
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) throw new AwsFault("RequestEntityTooLarge", "The request is too large.", 413);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/**
 * @param accounts the first one's user is the usual caller, who assumes the roles of all
 * @param clock the time that passes by itself; the machine's where it is absent
 */
export async function startAwsDouble({
  accounts,
  clock = { now: () => new Date() },
}: {
  readonly accounts: readonly AwsAccount[];
  readonly clock?: Clock;
}): Promise<AwsDouble> {
  const timeline = createTimeline(clock);
  const callers = createAwsCallers(accounts, timeline);
  const faults = createFaults(timeline);
  const regions = new Map<string, Region>();
  const calls: AwsCall[] = [];

  const regionOf = (account: string, name: string): Region => {
    const key = `${account}/${name}`;
    const known = regions.get(key);
    if (known) return known;
    if (!REGION_NAME.test(name) || [...regions.keys()].filter((each) => each.startsWith(account)).length >= MAX_REGIONS)
      throw new AwsFault("SignatureDoesNotMatch", "Credential should be scoped to a valid region.", 403);
    const region = createRegion(account, name, timeline);
    regions.set(key, region);
    return region;
  };

  /** Says who asks for what, and counts it. @throws AwsFault */
  const read = (request: IncomingMessage, body: Buffer): ReadCall => {
    const { method = "", url: target = "/", headers } = request;
    const claim = readSignature({ method, target, headers, body });
    const caller = callers.find(claim.accessKeyId, claim.sessionToken);
    claim.verify(caller.secretAccessKey);
    const { service } = claim;
    if (service !== "rds" && service !== "sts")
      throw new AwsFault(
        "SignatureDoesNotMatch",
        `Credential should be scoped to correct service: 'rds' or 'sts'.`,
        403,
      );
    if (method !== "POST") throw new AwsFault("InvalidAction", "This simulated service takes POST only.");
    const pairs = [...new URLSearchParams(body.toString())];
    if (pairs.length > MAX_PARAMETERS)
      throw new AwsFault("MalformedQueryString", "The request has too many parameters.");
    const parameters = createCallParameters(new Map(pairs));
    const call: AwsCall = {
      action: parameters.text("Action") ?? "",
      account: caller.accountId,
      region: claim.region,
      at: new Date(timeline.now()).toISOString(),
      parameters: Object.fromEntries(pairs.filter(([name]) => name !== "Action" && name !== "Version")),
      done: false,
      error: null,
    };
    calls.push(call);
    if (calls.length > MAX_CALLS) calls.shift();
    return { service, caller, parameters, call };
  };

  /** @throws AwsFault */
  const act = ({ service, caller, parameters, call }: ReadCall): XmlObject | null => {
    const { action } = call;
    const version = parameters.text("Version");
    if (action === "") throw new AwsFault("MissingAction", "The request must contain the parameter Action.");
    const known = Object.hasOwn(service === "rds" ? RDS_ACTIONS : STS_ACTIONS, action);
    if (!known || version !== VERSIONS[service])
      throw new AwsFault(
        "InvalidAction",
        `Could not find operation ${action} for version ${version ?? "NO_VERSION_SPECIFIED"}`,
      );
    timeline.catchUp();
    return service === "rds"
      ? RDS_ACTIONS[action]!(regionOf(caller.accountId, call.region), parameters)
      : STS_ACTIONS[action]!(callers, caller, parameters);
  };

  const send = (response: ServerResponse, status: number, type: string, text: string, requestId: string) => {
    response.writeHead(status, {
      "content-type": type,
      "content-length": Buffer.byteLength(text),
      "x-amzn-requestid": requestId,
      // By the double's clock. With an age, the SDK does not take its own clock to be wrong.
      date: new Date(timeline.now()).toUTCString(),
      age: "0",
    });
    response.end(text);
  };

  const refuse = (response: ServerResponse, service: ServiceName, error: unknown, requestId: string): AwsFault => {
    const fault =
      error instanceof AwsFault ? error : new AwsFault("InternalFailure", `The double failed: ${String(error)}`, 500);
    send(response, fault.status, "text/xml", xmlFault(service, fault, requestId), requestId);
    return fault;
  };

  /** Does what a call asks, unless a fault keeps it from that, and answers as far as the fault lets it. */
  const serve = async (request: IncomingMessage, response: ServerResponse) => {
    const requestId = randomUUID();
    let reading: ReadCall;
    try {
      reading = read(request, await readBody(request));
    } catch (error) {
      refuse(response, "rds", error, requestId);
      return;
    }
    const { call, caller, service } = reading;
    const fault = await faults.meet(call);
    const refusal = fault && refusalOf(fault, call, caller.arn);
    if (refusal) {
      call.error = refusal.code;
      refuse(response, service, refusal, requestId);
    } else if (fault?.as === "html") {
      call.error = fault.as;
      const page =
        "<!DOCTYPE html><html><head><title>Bad gateway</title></head><body><h1>Bad gateway</h1></body></html>";
      send(response, fault.status ?? 502, "text/html", page, requestId);
    } else if (fault?.as === "lose-call") {
      call.error = fault.as;
      response.destroy();
    } else {
      try {
        const text = xmlAnswer(service, call.action, act(reading), requestId);
        call.done = true;
        if (fault?.as === "lose-answer") response.destroy();
        else if (fault?.as === "cut-off") {
          response.writeHead(200, { "content-type": "text/xml", "content-length": Buffer.byteLength(text) });
          response.write(Buffer.from(text).subarray(0, fault.bytes), () => response.destroy());
        } else send(response, 200, "text/xml", text, requestId);
      } catch (error) {
        call.error = refuse(response, service, error, requestId).code;
      }
    }
  };

  const server = createServer((request, response) => {
    serve(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    credentials: callers.credentialsOf(accounts[0]!.id),
    credentialsOf: callers.credentialsOf,
    calls,
    done: (action) => calls.filter((call) => call.done && call.action === action).length,
    forgetCalls: () => void calls.splice(0),
    clock: { now: () => new Date(timeline.now()), advance: timeline.advance },
    fault: faults.add,
    endFaults: faults.endAll,
    expireSessions: callers.expireSessions,
    region(accountId, name) {
      callers.credentialsOf(accountId);
      const region = regionOf(accountId, name);
      timeline.catchUp();
      return createRegionControls(region);
    },
    async stop() {
      faults.endAll();
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}
