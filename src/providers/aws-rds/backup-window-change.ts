/** Changes the backup window of an instance, or of its cluster. Whether that was done is seen by comparison. */
import { ModifyDBClusterCommand, ModifyDBInstanceCommand } from "@aws-sdk/client-rds";
import type { Poll } from "../provider.js";
import type { RdsInstance } from "./instances.js";
import {
  endWithoutSign,
  isGone,
  mayAskAgain,
  noModificationsIsDone,
  type RdsOperation,
  type RequestOf,
  running,
} from "./operation.js";

interface WindowSight {
  readonly identifier: string;
  readonly cluster: string | null;
}

const windowOf = ({ instance, group }: RdsInstance) =>
  (group?.cluster.PreferredBackupWindow ?? instance.PreferredBackupWindow ?? "").toLowerCase();

const statusOf = ({ instance, group }: RdsInstance) => group?.cluster.Status ?? instance.DBInstanceStatus ?? "unknown";

export const backupWindowChange: RdsOperation<RequestOf<"MODIFY_BACKUP_WINDOW">> = {
  look: async (_scope, _request, { instance, group }) => {
    const saw: WindowSight = {
      identifier: instance.DBInstanceIdentifier ?? "",
      cluster: group?.cluster.DBClusterIdentifier ?? null,
    };
    return { ...saw };
  },

  ask(scope, { backupWindow }, saw) {
    const { identifier, cluster } = saw as unknown as WindowSight;
    // AWS applies a backup window as soon as possible by itself. ApplyImmediately would put in force, with an outage, whatever else waits.
    const wanted = { PreferredBackupWindow: backupWindow };
    const asked: Promise<unknown> =
      cluster === null
        ? scope.change((client) =>
            client.send(new ModifyDBInstanceCommand({ DBInstanceIdentifier: identifier, ...wanted })),
          )
        : scope.change((client) =>
            client.send(new ModifyDBClusterCommand({ DBClusterIdentifier: cluster, ...wanted })),
          );
    return noModificationsIsDone(asked);
  },

  async poll(_scope, { backupWindow }, found, facts): Promise<Poll> {
    if (!found) return isGone();
    const status = statusOf(found);
    if (windowOf(found) === backupWindow) {
      const result = { backupWindow, pendingBackupWindow: null };
      return { state: "succeeded", resourceStatus: status, message: "The backup window is in force.", result };
    }
    const end = status === "modifying" ? null : endWithoutSign(status, facts);
    if (end) return end;
    if (mayAskAgain(facts) && status !== "modifying") return { state: "unknown" };
    return running(status, "AWS applies the backup window as soon as possible.");
  },
};
