CREATE INDEX "findings_resolved_at_idx" ON "findings" USING btree ("resolved_at") WHERE "findings"."resolved_at" is not null;--> statement-breakpoint
CREATE INDEX "instances_last_backup_idx" ON "instances" USING btree ("last_backup_id") WHERE "instances"."last_backup_id" is not null;--> statement-breakpoint
CREATE INDEX "instances_vanished_at_idx" ON "instances" USING btree ("vanished_at") WHERE "instances"."vanished_at" is not null;--> statement-breakpoint
CREATE INDEX "snapshots_deleted_idx" ON "snapshots" USING btree ("looked_at") WHERE "snapshots"."status" = 'deleted';--> statement-breakpoint
CREATE INDEX "operations_snapshot_idx" ON "operations" USING btree ("snapshot_id") WHERE "operations"."snapshot_id" is not null;