/** The provider `local` does what every provider does. */

import { NEW, useGround } from "../support/ground.js";
import { describeProvider } from "./contract.js";

const ground = useGround();

describeProvider("local", async () => {
  const provider = await ground.open();
  await provider.create({ ...NEW, identifier: "solo" });
  return { provider, identifier: "solo", readsLogs: true, stop: () => provider.stopAll() };
});
