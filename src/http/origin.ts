/** Says where a request comes from, and by which id it goes. */
import { randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { CallOrigin } from "../audit/call.js";
import { canonicalAddress } from "../values/ip-address.js";

/** Takes the address that the outermost trusted proxy saw. A client may have made up everything before it in X-Forwarded-For. */
export function originOf(request: IncomingMessage, requestId: string, trustedProxies: number): CallOrigin {
  const forwarded = trustedProxies > 0 ? request.headers["x-forwarded-for"] : undefined;
  const client = forwarded === undefined ? undefined : String(forwarded).split(",").at(-trustedProxies)?.trim();
  const ipAddress = canonicalAddress(client ?? "") ?? canonicalAddress(request.socket.remoteAddress ?? "") ?? "";
  return { ipAddress, userAgent: request.headers["user-agent"] ?? null, requestId };
}

const REQUEST_ID = /^[A-Za-z0-9._-]{1,36}$/;

/** @returns the id that the client sent, where it has the form of one, or a new one */
export function requestIdOf({ headers }: IncomingMessage): string {
  const sentId = headers["x-request-id"];
  return typeof sentId === "string" && REQUEST_ID.test(sentId) ? sentId : randomUUID();
}
