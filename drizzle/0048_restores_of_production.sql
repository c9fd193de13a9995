ALTER TABLE "operations" ADD COLUMN "may_have_restored" boolean DEFAULT false NOT NULL;--> statement-breakpoint
CREATE INDEX "operations_restores_idx" ON "operations" USING btree ("id") WHERE "operations"."parameters" ? 'identifier' and (
      "operations"."status" = 'RUNNING' or ("operations"."status" = 'TIMED_OUT' and "operations"."settled_at" is null) or "operations"."may_have_restored");