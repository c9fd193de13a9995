ALTER TYPE "public"."operation_type" ADD VALUE 'DELETE_SNAPSHOT';--> statement-breakpoint
ALTER TYPE "public"."operation_type" ADD VALUE 'RESTORE_SNAPSHOT';--> statement-breakpoint
CREATE INDEX "operations_restored_identifier_idx" ON "operations" USING btree (lower("parameters" ->> 'identifier')) WHERE "operations"."parameters" ? 'identifier';