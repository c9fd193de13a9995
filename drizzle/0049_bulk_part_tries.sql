DROP INDEX "bulk_operation_parts_waiting_idx";--> statement-breakpoint
ALTER TABLE "bulk_operation_parts" ADD COLUMN "tries" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "bulk_operation_parts" ADD COLUMN "tried_at" timestamp with time zone;--> statement-breakpoint
CREATE INDEX "bulk_operation_parts_waiting_idx" ON "bulk_operation_parts" USING btree ("bulk_operation_id","id") WHERE "bulk_operation_parts"."status" = 'WAITING' and "bulk_operation_parts"."operation_id" is null;