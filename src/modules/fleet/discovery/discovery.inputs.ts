/** The input that asks for a discovery. */
import { checkedText, nullable } from "../../../values/checked.js";
import { inputObject } from "../../../values/inputs.js";

export const DiscoverInstancesInput = inputObject("DiscoverInstancesInput", "What to look at.", {
  provider: nullable(checkedText(20)).describe("The provider, such as `aws-rds`; all of them where it is left out."),
});
