ALTER TABLE "snapshots" ADD COLUMN "environment" "environment";--> statement-breakpoint
-- What their instances count as now is the earliest that is known of them.
UPDATE "snapshots" SET "environment" = "instances"."environment" FROM "instances" WHERE "instances"."id" = "snapshots"."instance_id";
