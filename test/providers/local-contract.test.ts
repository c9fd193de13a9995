/** The provider `local` does what every provider does. */

import { NEW, useGround } from "../support/ground.js";
import { describeProvider } from "./contract.js";

const ground = useGround();

describeProvider("local", async () => {
  const provider = await ground.open({
    parameterGroups: new Map<string, { settings: Record<string, string> }>([
      ["reports", { settings: { max_locks_per_transaction: "128", work_mem: "9MB" } }],
      ["impossible", { settings: { work_mem: "much" } }],
    ]),
  });
  await provider.create({ ...NEW, identifier: "solo" });
  const classes = ["local.small", "local.medium"] as const;
  return {
    provider,
    classes,
    groups: ["reports", "impossible"],
    identifier: "solo",
    readsLogs: true,
    stop: () => provider.stopAll(),
  };
});
