/** The one spelling of an IP address, so that a client has one address however a proxy writes it. */
import { isIP } from "node:net";

/** IPv6 addresses that stand for an IPv4 one: those that a socket makes of it (IPv4-mapped), and those of NAT64. */
const IPV4_INSIDE = /^(?:::ffff:([0-9a-f]+):|64:ff9b::(?:([0-9a-f]+):)?)([0-9a-f]*)$/;

/** @returns the address in its canonical spelling, as IPv4 where it stands for that, and without a zone; null where the text is none */
export function canonicalAddress(text: string): string | null {
  const version = isIP(text);
  if (version !== 6) return version === 4 ? text : null;
  // A zone may be any text of any length.
  const [address] = text.split("%");
  const canonical = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const inside = IPV4_INSIDE.exec(canonical);
  if (!inside) return canonical;
  const [, mapped, translated, last] = inside;
  return [mapped ?? translated, last]
    .map((group) => Number.parseInt(group || "0", 16))
    .flatMap((group) => [group >> 8, group & 255])
    .join(".");
}
