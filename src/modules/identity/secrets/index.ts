/** The module of the secrets that the database keeps, which administrators have sealed anew. */
import type { Module } from "../../../module.js";
import { secretsMutations } from "./secrets.mutations.js";
import { createSecretsService, type SecretsDeps } from "./secrets.service.js";

export const secretsModule = (deps: SecretsDeps): Module => ({
  mutations: secretsMutations(createSecretsService(deps)),
});
