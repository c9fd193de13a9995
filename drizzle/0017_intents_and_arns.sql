ALTER TABLE "instances" ADD COLUMN "arn" text;--> statement-breakpoint
ALTER TABLE "instances" ADD COLUMN "cluster" jsonb;--> statement-breakpoint
ALTER TABLE "operations" ADD COLUMN "intent" jsonb;--> statement-breakpoint
CREATE INDEX "instances_arn_idx" ON "instances" USING btree ("arn");--> statement-breakpoint
CREATE INDEX "instances_cluster_idx" ON "instances" USING btree (("cluster" ->> 'arn'));