/** The provider `local` does what every provider does. */

import { NEW, useGround } from "../support/ground.js";
import { describeProvider } from "./contract.js";

const ground = useGround();

describeProvider("local", async () => {
  const provider = await ground.open();
  await provider.create({ ...NEW, identifier: "solo" });
  const classes = ["local.small", "local.medium"] as const;
  return { provider, classes, identifier: "solo", readsLogs: true, stop: () => provider.stopAll() };
});
