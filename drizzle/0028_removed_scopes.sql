ALTER TABLE "instances" ADD COLUMN "scope_removed" boolean DEFAULT false NOT NULL;--> statement-breakpoint
-- A generated column cannot be changed. Its index goes with it.
ALTER TABLE "instances" DROP COLUMN "operable";--> statement-breakpoint
ALTER TABLE "instances" ADD COLUMN "operable" boolean GENERATED ALWAYS AS (vanished_at is null and not scope_removed and environment in ('STAGING', 'TEST', 'DEVELOPMENT', 'POC', 'SANDBOX')) STORED NOT NULL;--> statement-breakpoint
CREATE INDEX "instances_operable_idx" ON "instances" USING btree ("operable","discovered_at" DESC NULLS LAST,"id" DESC NULLS LAST);
