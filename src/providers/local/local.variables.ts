/** Defines and checks the configuration of the clusters that this host runs itself. */
import { z } from "zod";
import { INSTANCE_IDENTIFIER } from "../../values/identifiers.js";
import { type LocalParameterGroups, localParameterGroups } from "../../values/parameter-groups.js";
import { jsonVariable, variables } from "../../values/variables.js";
import { parseBackupWindow, parseMaintenanceWindow, requireBackupWindow } from "../../values/windows.js";

const MAX_TAGS = 50;

/** Makes a check of a parser: it accepts the same texts and fails with the same message. */
const parsedBy = (parse: (text: string) => unknown) =>
  z.string().superRefine((text, context) => {
    try {
      parse(text);
    } catch (error) {
      context.addIssue({ code: "custom", message: (error as Error).message });
    }
  });

const localInstance = z.strictObject({
  identifier: z
    .string()
    .refine(
      (text) => INSTANCE_IDENTIFIER.test(text) && text === text.toLowerCase(),
      "is 1 to 63 small letters, digits and single hyphens, a letter first",
    ),
  tags: z
    .record(z.string().min(1).max(128), z.string().max(256))
    .default({})
    .transform((tags) => Object.entries(tags).map(([key, value]) => ({ key, value }))),
  maintenanceWindow: parsedBy(parseMaintenanceWindow),
  backupWindow: parsedBy(parseBackupWindow),
  backupRetentionDays: z.number().int().min(0).max(35).default(7),
  standby: z.boolean().default(false),
  maxConnections: z.number().int().min(20).max(1000).default(50),
  autoFailover: z
    .strictObject({
      afterSeconds: z.number().int().min(5).max(3600).default(30),
      maxLagBytes: z.number().int().min(0).default(16_777_216),
    })
    .optional(),
});
/** @returns the field that contradicts another one and why; null where none does */
function contradictionOf(instance: ConfiguredInstance): [string, string] | null {
  const { tags, backupWindow, maintenanceWindow, standby, autoFailover } = instance;
  if (autoFailover && !standby) return ["autoFailover", "needs a standby"];
  if (tags.length > MAX_TAGS) return ["tags", `are at most ${MAX_TAGS}`];
  try {
    requireBackupWindow(backupWindow, maintenanceWindow);
    return null;
  } catch (error) {
    return ["backupWindow", (error as Error).message];
  }
}
type ConfiguredInstance = z.output<typeof localInstance>;

const localInstances = z
  .array(localInstance)
  .max(20)
  .superRefine((wanted, context) => {
    for (const [index, instance] of wanted.entries()) {
      const [field, message] = contradictionOf(instance) ?? [];
      if (field) context.addIssue({ code: "custom", path: [index, field], message: message as string });
      if (wanted.findIndex(({ identifier }) => identifier === instance.identifier) < index)
        context.addIssue({ code: "custom", path: [index, "identifier"], message: "is given twice" });
    }
  });

export const localVariables = variables(
  {
    LOCAL_INSTANCES: jsonVariable
      .pipe(localInstances)
      .prefault("[]")
      .describe(
        "PostgreSQL clusters that this host shall run, as JSON; see the README. Beside an embedded database only.",
      ),
    LOCAL_PARAMETER_GROUPS: jsonVariable
      .pipe(localParameterGroups)
      .prefault("{}")
      .describe("Named sets of PostgreSQL settings for local instances, as JSON; see src/providers/local/README.md."),
  },
  ({ LOCAL_INSTANCES, LOCAL_PARAMETER_GROUPS }) => ({
    localInstances: LOCAL_INSTANCES as readonly ConfiguredInstance[],
    parameterGroups: LOCAL_PARAMETER_GROUPS as LocalParameterGroups,
  }),
);
