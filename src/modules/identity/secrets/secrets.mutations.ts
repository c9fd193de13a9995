/** The mutation that seals secrets anew. */
import { Int } from "type-graphql";
import { z } from "zod";
import { can } from "../../../auth/rules.js";
import { type Mutation, mutation } from "../../../engine/mutation.js";
import { nullable } from "../../../values/checked.js";
import { inputObject } from "../../../values/inputs.js";
import type { SecretsService } from "./secrets.service.js";

const RotateSecretsInput = inputObject("RotateSecretsInput", "The key to seal with.", {
  keyId: nullable(
    z.string().regex(/^[0-9a-f]{8}$/, "is eight hexadecimal digits, as an answer before gave them"),
  ).describe(
    "The id of the key that must be the one that seals. Without it, that is the first one of `SECRETS_KEY`, whichever it is.",
  ),
});

export const secretsMutations = (secrets: SecretsService): Record<string, Mutation> => ({
  rotateSecrets: mutation({
    rule: can("secrets:rotate"),
    action: "secret.rotate",
    description:
      "Seals all secrets in the database with the first key of `SECRETS_KEY`, so that older keys can be taken out there. It can be called again: what is sealed with it already stays as it is.",
    input: { schema: RotateSecretsInput, what: "The key to seal with.", isOptional: true },
    payload: {
      name: "RotateSecretsPayload",
      description: "What was sealed anew.",
      fields: {
        keyId: { value: String, description: "The id of the key with which all secrets are sealed now." },
        resealed: { value: Int, description: "How many secrets this call has sealed anew." },
      },
    },
    run: (call, { keyId }) => secrets.rotate(call, keyId ?? undefined),
  }),
});
