/** Leaves out what cannot hold behind a pooler, where the run has one. */
import { beforeEach, inject } from "vitest";
import { EXCEPTIONS } from "./exceptions.js";

beforeEach((context) => {
  const reason = inject("pooler") && EXCEPTIONS[context.task.fullName];
  if (reason) context.skip(reason);
});
