ALTER TABLE "operations" ADD COLUMN "cluster_arn" text;--> statement-breakpoint
CREATE UNIQUE INDEX "operations_one_of_cluster_key" ON "operations" USING btree ("cluster_arn") WHERE "operations"."status" = 'RUNNING';--> statement-breakpoint
CREATE INDEX "operations_cluster_idx" ON "operations" USING btree ("cluster_arn","requested_at" DESC NULLS LAST,"id" DESC NULLS LAST);