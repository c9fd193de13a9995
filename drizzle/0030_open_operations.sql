DROP INDEX "operations_queued_idx";--> statement-breakpoint
CREATE INDEX "operations_open_idx" ON "operations" USING btree ("instance_id","id") WHERE "operations"."status" in ('QUEUED', 'RUNNING') or ("operations"."status" = 'TIMED_OUT' and "operations"."settled_at" is null);--> statement-breakpoint
CREATE INDEX "operations_open_of_cluster_idx" ON "operations" USING btree ("cluster_arn") WHERE "operations"."status" in ('QUEUED', 'RUNNING') or ("operations"."status" = 'TIMED_OUT' and "operations"."settled_at" is null);--> statement-breakpoint
CREATE INDEX "operations_ended_at_idx" ON "operations" USING btree ("ended_at");--> statement-breakpoint
CREATE INDEX "operations_settled_at_idx" ON "operations" USING btree ("settled_at") WHERE "operations"."settled_at" is not null;