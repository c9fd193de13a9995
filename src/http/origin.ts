/** Says where a request comes from. */
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
