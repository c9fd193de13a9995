/** The provider `aws-rds` does what every provider does. */
import type { Provider } from "../../../src/providers/provider.js";
import { ACCOUNT, REGION, startAws } from "../../support/aws.js";
import { describeProvider } from "../contract.js";

describeProvider("aws-rds", async () => {
  const { aws, open } = await startAws();
  aws.region(ACCOUNT, REGION).addInstance({ identifier: "solo", retentionDays: 0 });
  aws.region(ACCOUNT, REGION).addParameterGroup("reports", "postgres16");
  aws.region(ACCOUNT, REGION).addParameterGroup("of-mysql", "mysql8.0");
  const provider = open();
  // Time passes from poll to poll.
  const poll: Provider["poll"] = (request, intent) => {
    aws.clock.advance(20_000);
    return provider.poll(request, intent);
  };
  const classes = ["db.t4g.large", "db.r6g.large"] as const;
  return {
    provider: { ...provider, poll },
    classes,
    groups: ["reports", "of-mysql"],
    identifier: "solo",
    readsLogs: false,
    stop: aws.stop,
  };
});
