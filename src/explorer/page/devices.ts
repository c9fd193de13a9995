/** What this browser keeps of who has signed in with it: device tokens, with which strangers who guess cannot keep them out of it. */

const KEY = "postern:devices";
/** A browser that many people use keeps the latest. */
const MAX_DEVICES = 10;

type Devices = readonly (readonly [email: string, deviceToken: string])[];

const nameOf = (email: string) => email.trim().toLowerCase();

function stored(): Devices {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? "[]") as Devices;
  } catch {
    return [];
  }
}

/** @returns the device token of an account on this browser, if it has signed in here before */
export const deviceTokenOf = (email: string): string | undefined =>
  stored().find(([known]) => known === nameOf(email))?.[1];

/** Keeps the device token of an account that has signed in. */
export function keepDeviceToken(email: string, deviceToken: string): void {
  const others = stored().filter(([known]) => known !== nameOf(email));
  localStorage.setItem(KEY, JSON.stringify([[nameOf(email), deviceToken], ...others].slice(0, MAX_DEVICES)));
}
