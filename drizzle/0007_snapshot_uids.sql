DROP INDEX "snapshots_arn_key";--> statement-breakpoint
ALTER TABLE "snapshots" ADD COLUMN "uid" text;--> statement-breakpoint
-- As the local provider names them: by the operation that made what is there now.
UPDATE "snapshots" SET "uid" = coalesce((SELECT max("operations"."id")::text FROM "operations" WHERE "operations"."snapshot_id" = "snapshots"."id"), '');--> statement-breakpoint
ALTER TABLE "snapshots" ALTER COLUMN "uid" SET NOT NULL;--> statement-breakpoint
CREATE UNIQUE INDEX "snapshots_arn_key" ON "snapshots" USING btree ("arn","uid");
