/** Declares which environment variables a module or the configuration reads, each with its check and its description. */
import { z } from "zod";

type VariableChecks = Readonly<Record<string, z.ZodType>>;

/** Checks of environment variables by name, and the configuration that follows from their values. */
interface VariableSet<V extends VariableChecks = VariableChecks, C = object> {
  readonly checks: V;
  readonly toConfig: (environment: { readonly [K in keyof V]: z.output<V[K]> }) => C;
}

/** @param toConfig turns the checked values into the configuration that the rest of Postern reads */
export const variables = <V extends VariableChecks, C>(
  checks: V,
  toConfig: VariableSet<V, C>["toConfig"],
): VariableSet<V, C> => ({
  checks,
  toConfig,
});

/** A secret, which may also be given as a file: by the variable's name and `_FILE`. */
export const secretVariable = <T extends z.ZodType>(check: T) => check.optional().meta({ secret: true });

/** @returns whether a check is that of a secret */
export const isSecretVariable = (check: z.ZodType): boolean => check.meta()?.secret === true;

export const flagVariable = z.enum(["true", "false"], "is true or false").transform((value) => value === "true");

export const countVariable = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d+$/, `is a whole number from ${min} to ${max}`)
    .transform(Number)
    .pipe(z.number().min(min).max(max));

/** A list of texts, which commas separate. */
export const listVariable = z.string().transform((text) =>
  text
    .split(",")
    .map((item) => item.trim())
    .filter(Boolean),
);

export const jsonVariable = z.string().transform((text, context) => {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    context.addIssue({ code: "custom", message: "is no JSON" });
    return z.NEVER;
  }
});
