/** The session of who has signed in: kept as long as the browser's tab, and refreshed before its access token expires. */
import type { Fetcher } from "@graphiql/toolkit";
import type { ExecutionResult, GraphQLError } from "graphql";
import { deviceTokenOf, keepDeviceToken } from "./devices.js";

interface Session {
  readonly accessToken: string;
  readonly refreshToken: string;
  /** By this browser's clock, which may differ from Postern's. */
  readonly expiresAtMs: number;
  readonly email: string;
  readonly role: string;
}

interface SessionState {
  readonly session: Session | null;
  /** Why the session ended, if nobody here ended it. */
  readonly notice: string | null;
}

const KEY = "postern:session";
/** Tabs that were duplicated share a session, whose refresh token works once. */
const others = new BroadcastChannel(KEY);
const listeners = new Set<() => void>();

function stored(): Session | null {
  try {
    return JSON.parse(sessionStorage.getItem(KEY) ?? "null") as Session | null;
  } catch {
    return null;
  }
}

let state: SessionState = { session: stored(), notice: null };

function become(session: Session | null, notice: string | null = null): void {
  state = { session, notice };
  if (session) sessionStorage.setItem(KEY, JSON.stringify(session));
  else sessionStorage.removeItem(KEY);
  for (const listener of listeners) listener();
}

/** Changes the session in every tab that has it. */
function replace(replaced: Session, session: Session | null, notice: string | null = null): void {
  // Who has signed in anew meanwhile stays so.
  if (state.session?.refreshToken === replaced.refreshToken) become(session, notice);
  others.postMessage({ replaced: replaced.refreshToken, session, notice });
}

others.addEventListener("message", ({ data }: MessageEvent<SessionState & { replaced: string }>) => {
  if (state.session?.refreshToken === data.replaced) become(data.session, data.notice);
});

/** What React needs to follow the session. */
export const sessionStore = {
  subscribe(listener: () => void): () => void {
    listeners.add(listener);
    return () => listeners.delete(listener);
  },
  snapshot: (): SessionState => state,
};

/** The page and the endpoint have one address. */
const send = (body: object, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(location.pathname, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });

const bearer = (session: Session | null): Record<string, string> =>
  session ? { authorization: `Bearer ${session.accessToken}` } : {};

/** @throws Error where something between here and Postern answers in its place */
async function read(response: Response): Promise<ExecutionResult> {
  return response.json().catch(() => {
    throw new Error(`This is no answer of Postern's: ${response.status} ${response.statusText}`);
  });
}

const credentials = (field: "signIn" | "refreshSession", input: "SignInInput" | "RefreshSessionInput") =>
  `mutation ($input: ${input}!) { ${field}(input: $input) { accessToken expiresAt refreshToken deviceToken viewer { role user { email } } } }`;

interface Credentials {
  readonly accessToken: string;
  readonly expiresAt: string;
  readonly refreshToken: string;
  /** Null where a session is refreshed. */
  readonly deviceToken: string | null;
  readonly viewer: { readonly role: string; readonly user: { readonly email: string } };
}

/** @returns a session, or Postern's answer that refuses it @throws Error where Postern cannot be reached */
async function open(query: string, input: object): Promise<Session | GraphQLError> {
  const response = await send({ query, variables: { input } });
  const { data, errors } = await read(response);
  if (errors?.[0]) return errors[0];
  const { accessToken, expiresAt, refreshToken, deviceToken, viewer } = Object.values(data ?? {})[0] as Credentials;
  if (deviceToken !== null) keepDeviceToken(viewer.user.email, deviceToken);
  const sentAtMs = Date.parse(response.headers.get("date") ?? "") || Date.now();
  const expiresAtMs = Date.now() + Date.parse(expiresAt) - sentAtMs;
  return { accessToken, refreshToken, expiresAtMs, email: viewer.user.email, role: viewer.role };
}

/** @returns Postern's message where it refuses, else null @throws Error where Postern cannot be reached */
export async function openSession(email: string, password: string): Promise<string | null> {
  const input = { email, password, deviceToken: deviceTokenOf(email) };
  const opened = await open(credentials("signIn", "SignInInput"), input);
  if ("message" in opened) return opened.message;
  become(opened);
  return null;
}

/** Ends the session, here also where Postern cannot be reached. */
export async function endSession(): Promise<void> {
  const { session } = state;
  if (!session) return;
  replace(session, null);
  const query = "mutation ($input: SignOutInput) { signOut(input: $input) { signedOut } }";
  const isTold = await send({ query, variables: { input: { refreshToken: session.refreshToken } } }, bearer(session))
    .then(read)
    // Postern knows no such session any more where it is refused.
    .then(({ errors = [] }) => errors.every(({ extensions }) => extensions?.code === "UNAUTHENTICATED"))
    .catch(() => false);
  // Who has signed in again meanwhile stays so.
  if (!isTold && state.session === null)
    become(null, "Postern could not be told: there the session goes on until it expires.");
}

let refreshing: Promise<void> | undefined;

async function exchange(session: Session): Promise<void> {
  const { refreshToken } = session;
  const opened = await open(credentials("refreshSession", "RefreshSessionInput"), { refreshToken });
  if (!("message" in opened)) replace(session, opened);
  else if (opened.extensions.code === "UNAUTHENTICATED") replace(session, null, opened.message);
}

/** Refreshes the session, unless that is done by now. @returns the session of now */
async function refreshed(session: Session): Promise<Session | null> {
  if (state.session === session) {
    refreshing ??= exchange(session).finally(() => {
      refreshing = undefined;
    });
    await refreshing;
  }
  return state.session;
}

/** Before its last half minute an access token is young enough for a request. */
const MARGIN_MS = 30_000;

/** Whether an answer refuses the access token. What signs in or refreshes is refused for other reasons, and must not be sent twice. */
const refusesToken = ({ errors = [] }: ExecutionResult) =>
  errors.some(({ extensions }) => extensions?.code === "UNAUTHENTICATED") &&
  !errors.some(({ path }) => path?.[0] === "signIn" || path?.[0] === "refreshSession");

/** @returns the headers of the session @param isRefused whether its access token was refused */
export async function headersInSession(isRefused: boolean): Promise<Record<string, string>> {
  const { session } = state;
  if (!session || (!isRefused && session.expiresAtMs - Date.now() >= MARGIN_MS)) return bearer(session);
  return bearer(await refreshed(session));
}

/** Sends what GraphiQL runs, in the session, unless a header says who asks. */
export const fetchInSession: Fetcher = async ({ query, operationName, variables }, { headers = {} } = {}) => {
  const body = { query, operationName, variables };
  const saysWho = Object.keys(headers).some((name) => name.toLowerCase() === "authorization");
  if (saysWho) return read(await send(body, headers));
  let { session } = state;
  if (session && session.expiresAtMs - Date.now() < MARGIN_MS) session = await refreshed(session);
  const response = await send(body, { ...headers, ...bearer(session) });
  const answer = await read(response);
  // Nothing was done for a request that is refused as a whole.
  if (!session || response.status !== 401 || !refusesToken(answer)) return answer;
  const renewed = await refreshed(session);
  return renewed && renewed !== session ? read(await send(body, { ...headers, ...bearer(renewed) })) : answer;
};
