/** The module that deletes expired rows once an hour. */
import type { Db } from "../../../db/client.js";
import type { Module } from "../../../module.js";
import { purgeExpired } from "./retention.service.js";

export const retentionModule = ({ db }: { db: Db }): Module => ({
  tasks: [{ name: "retention", cron: "17 * * * *", run: () => purgeExpired(db) }],
});
