/** Every type that the source declares. */
import { globSync } from "node:fs";
import type { TypeDeclaration } from "../../src/engine/declaration.js";

const SRC = new URL("../../src/", import.meta.url);

const isDeclaration = (value: unknown): value is TypeDeclaration =>
  typeof value === "object" && value !== null && "fields" in value && "scope" in value;

const models: object[] = await Promise.all(
  globSync("**/*.model.ts", { cwd: SRC })
    .sort()
    .map((file) => import(new URL(file, SRC).pathname)),
);

export const declaredTypes: readonly TypeDeclaration[] = models.flatMap((model) =>
  Object.values(model).filter(isDeclaration),
);

export const rootTypes = declaredTypes.filter(({ isFace }) => !isFace);
